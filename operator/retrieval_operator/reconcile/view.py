"""Everything that one pass looks at, as data; what it decides; and what came of that."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime

from retrieval_operator.derive import Fault, KServe, Word
from retrieval_operator.errors import ClusterUnavailable
from retrieval_operator.plan import Refusal, Revision, Sight, Wish
from retrieval_operator.render import Context, Manifest
from retrieval_operator.spec import Component, ComponentName, RetrievalService
from retrieval_operator.spec.status import Status
from retrieval_operator.world import Document, Key, Ref


@dataclass(frozen=True, slots=True)
class Parsed:
    """The object as read: the service, or why it is not accepted.

    `is_suspended` is read of the raw object, whatever else is wrong with it; None where it is no
    boolean.
    """

    service: RetrievalService | None
    problems: tuple[str, ...] = ()
    rejection: Word = Word.INVALID
    is_suspended: bool | None = False


@dataclass(frozen=True, slots=True)
class HalfView:
    """One component before a pass: what it asks, the plans that are stored, and what is known.

    `stored` are the objects of all its revisions by number, also of those that cannot be read.
    """

    component: Component
    wish: Wish
    known: tuple[Revision, ...]
    stored: tuple[tuple[int, Ref], ...]
    sight: Sight


@dataclass(frozen=True, slots=True)
class View:
    """One service before a pass."""

    key: Key
    live: Document
    before: Status
    parsed: Parsed
    halves: tuple[HalfView, ...]
    context: Context
    now: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """What one component is to run by."""

    name: ComponentName
    answer: Revision | Refusal
    is_pinned: bool = False
    away_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pass:
    """What one pass wants: revisions to store, objects to apply, and which of the others stay.

    Nothing of the components in `spared` is deleted, because there is no plan for them now.
    `failure` is set where deciding failed in a way that nobody foresaw.
    """

    halves: tuple[Decided, ...] = ()
    revisions: tuple[Manifest, ...] = ()
    wanted: tuple[Manifest, ...] = ()
    kept: frozenset[Ref] = frozenset()
    spared: frozenset[str] = frozenset()
    doubts: tuple[str, ...] = ()
    is_suspended: bool | None = False
    failure: Fault | None = None

    @property
    def prunes(self) -> bool:
        """Whether what is not wanted may go: not where nothing was decided."""
        return bool(self.halves) and self.failure is None


@dataclass(frozen=True, slots=True)
class Applied:
    """What came of a pass: only an Applier makes one, and only from one a status is derived.

    `put_off` is why the rest of the pass has to wait.
    """

    decided: Pass
    faults: tuple[Fault, ...] = ()
    kserve: KServe = field(default_factory=KServe)
    put_off: ClusterUnavailable | None = None

    def with_fault(self, fault: Fault) -> Applied:
        """The same, and this went wrong too."""
        return replace(self, faults=(*self.faults, fault))
