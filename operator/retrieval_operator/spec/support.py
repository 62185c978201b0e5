"""Fields of the schema that this version cannot act on: refused with their path, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.spec.choices import (
    DeploymentMode,
    Placement,
    Precision,
    Visibility,
)
from retrieval_operator.spec.component import Component, Embedder, Gpu, Reranker
from retrieval_operator.spec.service import RetrievalService, RetrievalServiceSpec


@dataclass(frozen=True, slots=True)
class Unsupported:
    """One thing an object asks for that this version cannot do, and what to ask for instead."""

    path: str
    got: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.path}: {self.got} is not supported by this version; {self.remedy}"


@dataclass(frozen=True, slots=True)
class Gap:
    """What a field may not ask for yet.

    `values` says which values are meant, for people; `asked` gives what a spec or component asks
    for beyond this version, or None.
    """

    on: type[RetrievalServiceSpec | Component]
    field: str
    values: str
    asked: Callable[[Any], object]
    remedy: str


def _unless(value: str, supported: str) -> str | None:
    return None if value == supported else value


def _claims(gpu: Gpu | None) -> str:
    return ", ".join(claim.name for claim in gpu.resource_claims) if gpu else ""


GAPS: Final = (
    Gap(
        RetrievalServiceSpec,
        "deploymentMode",
        DeploymentMode.KNATIVE,
        lambda spec: _unless(spec.deployment_mode, DeploymentMode.STANDARD),
        "use Standard",
    ),
    Gap(
        RetrievalServiceSpec,
        "placement",
        Placement.SHARED,
        lambda spec: _unless(spec.placement, Placement.SEPARATE),
        "use Separate; two slices of a GPU hold two small models on one card",
    ),
    Gap(
        RetrievalServiceSpec,
        "auth",
        "any",
        lambda spec: spec.auth and f"apiKeysSecret {spec.auth.api_keys_secret}",
        "remove it, and admit callers with a NetworkPolicy or a gateway",
    ),
    Gap(
        RetrievalServiceSpec,
        "objective",
        "any",
        lambda spec: spec.objective and f"{spec.objective.requests_per_burst} requests a burst",
        "remove it",
    ),
    Gap(
        RetrievalServiceSpec,
        "expose.visibility",
        Visibility.EXTERNAL,
        lambda spec: _unless(spec.expose.visibility, Visibility.CLUSTER_LOCAL),
        "use ClusterLocal, and route to the service with an Ingress or HTTPRoute of your own",
    ),
    Gap(
        Component,
        "precision",
        Precision.INT8,
        lambda half: half.precision if half.precision is Precision.INT8 else None,
        "use Auto, which takes bf16 where the CPU has it",
    ),
    Gap(
        Component,
        "autoscaling",
        "any",
        lambda half: half.autoscaling and f"maxReplicas {half.autoscaling.max_replicas}",
        "set replicas",
    ),
    Gap(
        Component,
        "gpu.count",
        "above 1",
        lambda half: half.gpu.count if half.gpu and half.gpu.count > 1 else None,
        "use count 1 and as many replicas as GPUs",
    ),
    Gap(
        Component,
        "gpu.resourceClaims",
        "any",
        lambda half: _claims(half.gpu),
        "request the device with gpu.resource",
    ),
)
"""Everything that the schema has and this version cannot do."""


def unsupported(service: RetrievalService) -> tuple[Unsupported, ...]:
    """Everything the object asks for that this version cannot do; empty when it can do it all."""
    parts = (service.spec, *service.spec.components)
    return tuple(
        Unsupported(f"{_path(type(part))}.{gap.field}", str(got), gap.remedy)
        for part in parts
        for gap in GAPS
        if isinstance(part, gap.on) and (got := gap.asked(part))
    )


def gaps() -> Iterator[tuple[str, Gap]]:
    """Every gap with each full path it has."""
    for part in (RetrievalServiceSpec, Embedder, Reranker):
        for gap in GAPS:
            if issubclass(part, gap.on):
                yield f"{_path(part)}.{gap.field}", gap


def _path(part: type[RetrievalServiceSpec | Component]) -> str:
    return f"spec.{part.name}" if issubclass(part, Component) else "spec"
