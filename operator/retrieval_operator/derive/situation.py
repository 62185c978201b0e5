"""Everything a status is derived from, as one pass found it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from retrieval_operator.derive.reasons import Word
from retrieval_operator.observe.state import ComponentState
from retrieval_operator.plan import BurstVerdict, Refusal, Revision
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.status import MeasuredStatus


class KServeState(Enum):
    """Whether KServe can be asked to run something, as the constant word of a condition."""

    SERVED = Word.KSERVE_SERVED
    MISSING = Word.KSERVE_MISSING
    UNREACHABLE = Word.KSERVE_UNREACHABLE
    SILENT = Word.KSERVE_SILENT


@dataclass(frozen=True, slots=True)
class KServe:
    """KServe's state, and in whose words."""

    state: KServeState = KServeState.SERVED
    message: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that could not be applied.

    `is_in_force` where nothing had to change anyway, `is_optional` where pods serve without it.
    """

    reason: Word
    message: str
    is_in_force: bool = False
    is_optional: bool = False

    @property
    def is_in_the_way(self) -> bool:
        """Whether what the object asks for is not in force for it."""
        return not (self.is_in_force or self.is_optional)


@dataclass(frozen=True, slots=True)
class Half:
    """One component in one pass: what it is to run by, what runs, and what that can do.

    `answer` is None where nothing was planned, because the object is not accepted or planning
    failed. `is_stored` is false where the plan could not be stored, so that nothing goes by it.
    `measured` is what a pod of the plan told, `objective` whether the promised burst is
    held.
    """

    name: ComponentName
    state: ComponentState
    answer: Revision | Refusal | None = None
    is_pinned: bool = False
    is_stored: bool = True
    measured: MeasuredStatus | None = None
    objective: BurstVerdict | None = None

    @property
    def revision(self) -> Revision | None:
        """The plan to run by, where there is one."""
        return self.answer if isinstance(self.answer, Revision) else None

    @property
    def refusal(self) -> Refusal | None:
        """Why there is none."""
        return self.answer if isinstance(self.answer, Refusal) else None


@dataclass(frozen=True, slots=True)
class Situation:
    """One service at one moment.

    `problems` are why the object is not accepted; `halves` still say what runs then. `doubts` are
    sentences on what will probably not work in this installation.
    """

    generation: int
    now: datetime
    halves: tuple[Half, ...]
    has_objective: bool = False
    problems: tuple[str, ...] = ()
    rejection: Word = Word.INVALID
    is_suspended: bool = False
    kserve: KServe = KServe()
    faults: tuple[Fault, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def refusals(self) -> tuple[Refusal, ...]:
        """The components that have no plan."""
        return tuple(half.refusal for half in self.halves if half.refusal is not None)

    @property
    def states(self) -> tuple[ComponentState, ...]:
        """What runs, component by component."""
        return tuple(half.state for half in self.halves)

    @property
    def is_planned(self) -> bool:
        """Whether planning came to an answer."""
        return any(half.answer is not None for half in self.halves)

    @property
    def fault(self) -> Fault | None:
        """The first change that is missing."""
        return next((one for one in self.faults if one.is_in_the_way), None)

    @property
    def trifle(self) -> Fault | None:
        """The first optional object that is missing."""
        return next((one for one in self.faults if one.is_optional and not one.is_in_force), None)
