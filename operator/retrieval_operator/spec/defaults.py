"""What an installation gives to the pods of every service, so that no object repeats it. Pure.

An object's own word wins: a variable of the same name, a priority class, a monitor's label.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, TypeVar

from pydantic import Field

from retrieval_operator.spec.block import Block, LabelValue, ObjectName, Unique
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.pod import EnvVar, PodTemplate, Toleration
from retrieval_operator.spec.service import Monitoring, RetrievalService
from retrieval_operator.spec.volume import LocalReference

_Named = TypeVar("_Named", bound=EnvVar | LocalReference)


class Defaults(Block):
    """What the pods of every service get."""

    image_pull_secrets: Annotated[
        tuple[LocalReference, ...], Field(max_length=16), Unique("name")
    ] = ()
    """Secrets used to pull the predictor's image; one of the name in each namespace."""
    priority_class_name: ObjectName | None = None
    """PriorityClass of pods whose object names none."""
    tolerations: Annotated[tuple[Toleration, ...], Field(max_length=32)] = ()
    """Taints that all predictors tolerate; plans then count such nodes."""
    env: Annotated[tuple[EnvVar, ...], Field(max_length=64), Unique("name")] = ()
    """Variables of the predictor's container, such as a proxy or HF_ENDPOINT."""
    monitor_labels: Annotated[Mapping[str, LabelValue], Field(max_length=32)] = {}
    """Labels of every PodMonitor, such as the `release` that a Prometheus selects."""


NO_DEFAULTS: Final = Defaults()


def with_defaults(service: RetrievalService, defaults: Defaults) -> RetrievalService:
    """The service as if its author had written the defaults too."""
    spec = service.spec
    halves = {half.name.value: _component(half, defaults) for half in spec.components}
    changed = spec.model_copy(
        update={**halves, "monitoring": _monitoring(spec.monitoring, defaults)}
    )
    return service.model_copy(update={"spec": changed})


def _component(half: Component, defaults: Defaults) -> Component:
    return half.model_copy(update={"pod_template": _pod(half.pod_template, defaults)})


def _pod(pod: PodTemplate, defaults: Defaults) -> PodTemplate:
    more = (one for one in defaults.tolerations if one not in pod.tolerations)
    return pod.model_copy(
        update={
            "image_pull_secrets": _joined(defaults.image_pull_secrets, pod.image_pull_secrets),
            "priority_class_name": pod.priority_class_name or defaults.priority_class_name,
            "tolerations": (*pod.tolerations, *more),
            "env": _joined(defaults.env, pod.env),
        }
    )


def _monitoring(monitoring: Monitoring, defaults: Defaults) -> Monitoring:
    monitor = monitoring.pod_monitor
    labels = {**defaults.monitor_labels, **monitor.labels}
    return monitoring.model_copy(
        update={"pod_monitor": monitor.model_copy(update={"labels": labels})}
    )


def _joined(defaults: tuple[_Named, ...], own: tuple[_Named, ...]) -> tuple[_Named, ...]:
    """Both, by name; the object's own where it has the name too."""
    names = {one.name for one in own}
    return (*(one for one in defaults if one.name not in names), *own)
