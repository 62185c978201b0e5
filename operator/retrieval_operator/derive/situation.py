"""Everything a status is derived from, as one pass found it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

from retrieval_operator.derive.reasons import Reason
from retrieval_operator.observe.state import ComponentState
from retrieval_operator.plan import Plan, Refusal, Verdict
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.status import Measured


class KServeState(Enum):
    """Whether KServe can be asked to run something, as the constant word of a condition."""

    SERVED = Reason.KSERVE_SERVED
    MISSING = Reason.KSERVE_MISSING
    UNREACHABLE = Reason.KSERVE_UNREACHABLE
    SILENT = Reason.KSERVE_SILENT


@dataclass(frozen=True, slots=True)
class KServe:
    """KServe's state, and in whose words."""

    state: KServeState = KServeState.SERVED
    message: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that could not be applied. `is_in_force` where nothing had to change anyway."""

    reason: Reason
    message: str
    is_in_force: bool = False


@dataclass(frozen=True, slots=True)
class Situation:
    """One service at one moment.

    `problems` are why the object is not accepted. `answers` is empty then, and `states` still say
    what runs. `objectives` is None where the object promises no burst; `doubts` are sentences on
    what will probably not work in this installation; `measured` is what pods of the plans told.
    """

    generation: int
    now: datetime
    states: Mapping[ComponentName, ComponentState]
    answers: Mapping[ComponentName, Plan | Refusal] = field(default_factory=dict)
    problems: tuple[str, ...] = ()
    rejection: Reason = Reason.INVALID
    is_suspended: bool = False
    kserve: KServe = KServe()
    faults: tuple[Fault, ...] = ()
    objectives: Mapping[ComponentName, Verdict] | None = None
    doubts: tuple[str, ...] = ()
    measured: Mapping[ComponentName, Measured] = field(default_factory=dict)

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The components that have no plan."""
        return tuple(one for one in self.answers.values() if isinstance(one, Refusal))

    @property
    def plans(self) -> dict[ComponentName, Plan]:
        """The components that have one."""
        return {name: one for name, one in self.answers.items() if isinstance(one, Plan)}

    @property
    def fault(self) -> Fault | None:
        """The first change that is missing."""
        return next((one for one in self.faults if not one.is_in_force), None)
