"""Fields of the schema that this version cannot act on: refused with their path, never ignored."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.spec.choices import Placement, Precision
from retrieval_operator.spec.component import Component, Embedder, Reranker
from retrieval_operator.spec.service import RetrievalService, RetrievalServiceSpec


@dataclass(frozen=True, slots=True)
class Unsupported:
    """One thing an object asks for that this version cannot do, and what to ask for instead."""

    path: str
    got: str
    remedy: str
    by: str = "this version"

    def __str__(self) -> str:
        return f"{self.path}: {self.got} is not supported by {self.by}; {self.remedy}"


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


GAPS: Final = (
    Gap(
        RetrievalServiceSpec,
        "placement",
        Placement.SHARED,
        lambda spec: _unless(spec.placement, Placement.SEPARATE),
        "use Separate; two slices of a GPU hold two small models on one card",
    ),
    Gap(
        Component,
        "precision",
        Precision.INT8,
        lambda half: half.precision if half.precision is Precision.INT8 else None,
        "use Auto, which takes bf16 where the CPU has it",
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
