"""What a cluster lacks for what an object asks, found before anything is applied. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

from retrieval_operator.render.context import CUSTOM_METRICS_GROUP, KNATIVE_API, Context
from retrieval_operator.render.names import inference_service_name
from retrieval_operator.render.scaling import metric_of
from retrieval_operator.spec.choices import ComponentName, DeploymentMode, ScalingMetric
from retrieval_operator.spec.component import Autoscaling
from retrieval_operator.spec.service import RetrievalService
from retrieval_operator.spec.support import Unsupported

MOST_HOST_LETTERS: Final = 63
"""Of one label of a host. Where KServe's template makes a longer one, it makes no Deployment and
says so in its log only (seen with kserve 0.20). Source: RFC 1123, section 2.1."""
_INSERTED: Final = re.compile(r"\{\{-? *\.(\w+) *-?\}\}")


def impossible(service: RetrievalService, context: Context) -> tuple[Unsupported, ...]:
    """What the object asks for that this installation cannot do; refuse it like a gap."""
    return (
        *_without_knative(service, context),
        *_without_keda(service, context),
        *_long_hosts(service, context),
    )


def doubts(service: RetrievalService, context: Context) -> tuple[str, ...]:
    """What will probably not work here, as sentences for the notes of a plan."""
    return tuple(_unfed(service, context))


def _without_knative(service: RetrievalService, context: Context) -> Iterator[Unsupported]:
    is_knative = service.spec.deployment_mode is DeploymentMode.KNATIVE
    if is_knative and KNATIVE_API not in context.api_versions:
        remedy = "install Knative Serving, or create the object anew with deploymentMode Standard"
        yield Unsupported("spec.deploymentMode", "Knative", remedy, "this cluster")


def _without_keda(service: RetrievalService, context: Context) -> Iterator[Unsupported]:
    remedy = "install KEDA and tell the operator where Prometheus is, or set minReplicas to 1"
    for name, scaling in _scaled(service):
        wakes = context.has_keda and metric_of(scaling) is ScalingMetric.QUEUE_WAIT
        if scaling.min_replicas == 0 and not wakes:
            yield Unsupported(
                f"spec.{name.value}.autoscaling.minReplicas", "0", remedy, "this cluster"
            )


def _unfed(service: RetrievalService, context: Context) -> Iterator[str]:
    has_adapter = any(one.startswith(CUSTOM_METRICS_GROUP) for one in context.api_versions)
    if context.has_keda or has_adapter:
        return
    for name, scaling in _scaled(service):
        if metric_of(scaling) is ScalingMetric.QUEUE_WAIT:
            yield (
                f"spec.{name.value}.autoscaling follows QueueWait, and the cluster has neither "
                "KEDA with a known Prometheus nor a custom metrics adapter: pods stay at "
                "minReplicas"
            )


def _long_hosts(service: RetrievalService, context: Context) -> Iterator[Unsupported]:
    for component in service.spec.components:
        host = _host(service, component.name, context.domain_template)
        longest = max(host.split("."), key=len)
        if len(longest) > MOST_HOST_LETTERS:
            yield Unsupported(
                "metadata.name",
                f"a host label of {len(longest)} characters ({longest})",
                f"{MOST_HOST_LETTERS} are allowed: shorten the name or the namespace, or change "
                "domainTemplate in inferenceservice-config and operator.domainTemplate here",
            )


def _host(service: RetrievalService, component: ComponentName, template: str) -> str:
    """The host that KServe makes; what this does not know of a template counts as nothing."""
    known = {
        "Name": f"{inference_service_name(service, component)}-predictor",
        "Namespace": service.metadata.namespace,
    }
    return _INSERTED.sub(lambda found: known.get(found[1], ""), template)


def _scaled(service: RetrievalService) -> Iterator[tuple[ComponentName, Autoscaling]]:
    if service.spec.deployment_mode is DeploymentMode.STANDARD:
        for component in service.spec.components:
            if component.autoscaling is not None:
                yield component.name, component.autoscaling
