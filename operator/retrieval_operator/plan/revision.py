"""A plan that was decided, with all it came from, as it is stored. Pure.

A revision is never worked out again: a newer planner, other tables and a hub that is away change
nothing of what it says. Fields that a later version adds need a default here, so that what an
earlier one stored stays readable.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Final

from pydantic import TypeAdapter, ValidationError

from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.result import Plan
from retrieval_operator.plan.rows import digest

_UNKNOWN_VERSION: Final = "0"


class Cause(StrEnum):
    """Why a revision was made, as one constant word."""

    FIRST = "First"
    OBJECT = "ObjectChanged"
    FACTS = "ModelChanged"
    DEVICE = "DeviceGone"
    IMAGE = "ImageChosen"
    ASKED = "Asked"


CAUSES: Final[Mapping[Cause, str]] = {
    Cause.FIRST: "The component had no plan before.",
    Cause.OBJECT: "The object asks for something else.",
    Cause.FACTS: "The hub says something else of the model.",
    Cause.DEVICE: "No node of the former kind has been there for minutes, and others are.",
    Cause.IMAGE: "The operator's settings name another image of the predictor.",
    Cause.ASKED: "Somebody asked, by the annotation retrieval.io/replan.",
}
"""Every cause with its meaning, for documentation."""


@dataclass(frozen=True, slots=True)
class Revision:
    """One plan of one component. `why` is for people, `made` a time, `asked` whose wish it met.

    `ask` and `model` are what the object wanted; `digest` is the fingerprint of what restarts pods,
    as it was worked out then; `planner` is the version that decided.
    """

    number: int
    cause: Cause
    why: str
    made: str
    planner: str
    image: str
    digest: str
    plan: Plan
    ask: Ask
    model: Mapping[str, Any]
    asked: str = ""


def draft(plan: Plan, image: str) -> Revision:
    """A revision that is stored nowhere, to render a plan that was made outside a cluster."""
    ask = Ask(plan.component, plan.facts.name)
    return Revision(0, Cause.FIRST, "", "", planner_version(), image, digest(plan), plan, ask, {})


_ADAPTER: Final = TypeAdapter(Revision)


def planner_version() -> str:
    """The version of this package."""
    try:
        return version("retrieval-service")
    except PackageNotFoundError:
        return _UNKNOWN_VERSION


def data_of(revision: Revision) -> dict[str, Any]:
    """The revision as plain data; its number stands beside, in the object that stores it."""
    written: dict[str, Any] = _ADAPTER.dump_python(revision, mode="json")
    del written["number"]
    return written


def revision_of(number: int, data: Mapping[str, Any] | str) -> Revision | None:
    """The stored revision; None where it is none, or of a shape that this version cannot read."""
    try:
        found = json.loads(data) if isinstance(data, str) else dict(data)
        return _ADAPTER.validate_json(json.dumps({**found, "number": number}))
    except (ValidationError, TypeError, ValueError):
        return None
