"""Everything that should exist for a service, in the order to apply it. Pure; cannot fail."""

from __future__ import annotations

from collections.abc import Mapping

from retrieval_operator.plan.result import Plan
from retrieval_operator.render.context import POD_MONITOR_API, Context, Manifest
from retrieval_operator.render.inference_service import inference_service
from retrieval_operator.render.pod_monitor import pod_monitor
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import RetrievalService


def render(
    service: RetrievalService, plans: Mapping[ComponentName, Plan], context: Context
) -> tuple[Manifest, ...]:
    """The manifests of every component that has a plan, then what watches them.

    A component without a plan is left out: its running pods are not touched.
    """
    predictors = tuple(
        inference_service(service, component, plans[component.name], context)
        for component in service.spec.components
        if component.name in plans
    )
    wants_monitor = service.spec.monitoring.pod_monitor.enabled
    has_monitors = POD_MONITOR_API in context.api_versions
    monitors = (pod_monitor(service),) if wants_monitor and has_monitors else ()
    return (*predictors, *monitors)
