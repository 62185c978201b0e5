"""Ask a hub without waiting for it: one question a model, pauses after failures, own threads.

A hub may be slow, refuse everybody, or swallow every packet. Whoever asks gets within a moment what
is known by then, or hears that the hub is being asked, and is woken when it has answered.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final, Generic, TypeVar

from retrieval_operator.facts.lookup import Look
from retrieval_operator.facts.model import ModelFacts, Unknown
from retrieval_operator.spec.source import ModelSource

W = TypeVar("W", bound=Hashable)
Found = ModelFacts | Unknown

_PATIENCE_S: Final = 1.0
"""How long the first to ask about a model waits; a hub that is near answers by then."""
_THREADS: Final = 2
_FIRST_PAUSE_S: Final = 15.0
_LONGEST_PAUSE_S: Final = 300.0
_MOST_QUESTIONS: Final = 4096


@dataclass(frozen=True, slots=True)
class Pause:
    """A hub that did not answer is left alone; the more often in a row, the longer."""

    failures: int = 0
    until_s: float = float("-inf")
    why: str = ""

    def after(self, found: Found, now_s: float) -> Pause:
        """The pause after an answer, or none."""
        if not isinstance(found, Unknown) or not found.is_passing:
            return Pause()
        length_s = min(_FIRST_PAUSE_S * 2.0 ** min(self.failures, 10), _LONGEST_PAUSE_S)
        return Pause(self.failures + 1, now_s + length_s, found.why)


@dataclass(slots=True, eq=False)
class _Question(Generic[W]):
    """One that is under way or answered, and who has yet to hear of it."""

    source: ModelSource
    since_s: float
    waiting: set[W] = field(default_factory=set)
    found: Found | None = None
    is_answered: threading.Event = field(default_factory=threading.Event)


class Asking(Generic[W]):
    """Asks `look` about models. May be used from several threads.

    A question that takes longer than `within_s` counts as unanswered, whatever its thread still
    waits for.
    """

    def __init__(
        self,
        look: Look,
        wake: Callable[[W], None],
        within_s: float,
        patience_s: float = _PATIENCE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._look = look
        self._wake = wake
        self._within_s = within_s
        self._patience_s = patience_s
        self._clock = clock
        self._questions: dict[str, _Question[W]] = {}
        self._pause = Pause()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(_THREADS, "hub")

    def ask(self, source: ModelSource, who: W) -> Found:
        """What the hub says of a model; an `Unknown` that is pending while it is being asked."""
        mark = source.model_dump_json()
        with self._lock:
            question = self._questions.get(mark)
            is_first = question is None
            if question is None and (paused := self._paused()) is not None:
                return paused
            question = question or self._begun(mark, source)
            question.waiting.add(who)
        question.is_answered.wait(self._patience_s if is_first else 0.0)
        with self._lock:
            if question.found is None:
                return self._unanswered(question)
            self._heard(mark, question, who)
            return question.found

    def _paused(self) -> Unknown | None:
        """Nobody is asked for a while after a failure."""
        left_s = self._pause.until_s - self._clock()
        if left_s <= 0:
            return None
        return Unknown(f"{self._pause.why}; asked again in {left_s:.0f} s", is_passing=True)

    def _begun(self, mark: str, source: ModelSource) -> _Question[W]:
        if len(self._questions) >= _MOST_QUESTIONS:  # answers that nobody came for
            self._questions = {x: one for x, one in self._questions.items() if one.found is None}
        question = self._questions[mark] = _Question[W](source, self._clock())
        self._threads.submit(self._answer, question)
        return question

    def _answer(self, question: _Question[W]) -> None:
        found = self._looked(question.source)
        with self._lock:
            question.found = found
            self._pause = self._pause.after(found, self._clock())
            waiting = tuple(question.waiting)
        question.is_answered.set()
        for who in waiting:
            self._wake(who)

    def _looked(self, source: ModelSource) -> Found:
        try:
            return self._look(source)
        except Exception as error:  # noqa: BLE001 - whatever a hub sends, it is no answer
            return Unknown(f"{source.uri}: {type(error).__name__}: {error}", is_passing=True)

    def _unanswered(self, question: _Question[W]) -> Unknown:
        if self._clock() - question.since_s > self._within_s:
            why = f"the hub has not answered about {question.source.uri} in {self._within_s:g} s"
            return Unknown(why, is_passing=True)
        why = f"a hub is being asked about {question.source.uri}"
        return Unknown(why, is_passing=True, is_pending=True)

    def _heard(self, mark: str, question: _Question[W], who: W) -> None:
        question.waiting.discard(who)
        if not question.waiting and self._questions.get(mark) is question:
            del self._questions[mark]
