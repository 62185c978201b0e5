"""Everything that should exist for a service, in the order to apply it. Pure; cannot fail."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from retrieval_operator.plan.revision import Revision
from retrieval_operator.render.context import POD_MONITOR_API, Context, Manifest
from retrieval_operator.render.disruption import disruption_budget, has_budget
from retrieval_operator.render.inference_service import inference_service
from retrieval_operator.render.limits import limits
from retrieval_operator.render.pod_monitor import pod_monitor
from retrieval_operator.render.scaling import autoscaler
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.service import RetrievalService


def render(
    service: RetrievalService, revisions: Mapping[ComponentName, Revision], context: Context
) -> tuple[Manifest, ...]:
    """The manifests of every component that has a plan, then what watches them.

    For each component its limits come first, because its pods mount them; then the InferenceService
    and what scales and protects it.

    A component without a plan is left out: its running pods are not touched.
    """
    predictors = tuple(
        manifest
        for component in service.spec.components
        if component.name in revisions
        for manifest in _component(service, component, revisions[component.name], context)
    )
    wants_monitor = service.spec.monitoring.pod_monitor.enabled
    has_monitors = POD_MONITOR_API in context.api_versions
    monitors = (pod_monitor(service),) if wants_monitor and has_monitors else ()
    return (*predictors, *monitors)


def _component(
    service: RetrievalService, component: Component, revision: Revision, context: Context
) -> Iterator[Manifest]:
    yield limits(service, component, revision.plan)
    yield inference_service(service, component, revision)
    scaler = autoscaler(service, component, revision.plan, context)
    if scaler is not None:
        yield scaler
    if has_budget(service, component):
        yield disruption_budget(service, component)
