"""What running pods measured in their warm-up: one pod of each plan is asked, once.

A pass never waits for a pod. It takes what is known, has the pod asked meanwhile, and is repeated
when the pod has answered.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Final, Protocol

from retrieval_operator.derive.status import time_text
from retrieval_operator.observe import Answering, ComponentState
from retrieval_operator.plan import Plan, Revision
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.status import ComponentStatus, MeasuredStatus
from retrieval_operator.world import Key

_AGAIN_S: Final = 60.0
_MOST_S: Final = 3600.0
"""A pod that did not tell is asked again a minute later, and each time after twice the pause."""


class Told(Protocol):
    """What a pod tells of its warm-up; the rate is that of one device."""

    @property
    def tokens(self) -> int:
        """Tokens of the batch."""

    @property
    def tokens_per_s(self) -> float:
        """How fast it was."""

    @property
    def peak_memory_bytes(self) -> int:
        """What it left taken."""


Then = Callable[[Told | None], None]
AskPod = Callable[[str, Then], None]
"""Start asking the pod at an address; it is told later, from any thread, None for no answer."""


@dataclass(frozen=True, slots=True)
class _Asked:
    pod: str
    since: datetime
    times: int = 1
    told: Told | None = None

    @property
    def pause_s(self) -> float:
        """How long a pod that did not tell is left alone."""
        return min(_AGAIN_S * 2.0 ** min(self.times - 1, 10), _MOST_S)

    def is_over(self, now: datetime) -> bool:
        """Whether the pod did not tell, and may be asked again."""
        return self.told is None and (now - self.since).total_seconds() >= self.pause_s


class Measuring:
    """Remembers what the pods of each component have told. May be used from several threads."""

    def __init__(
        self,
        ask: AskPod,
        wake: Callable[[Key, float], None],
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._ask = ask
        self._wake = wake
        self._clock = clock
        self._asked: dict[tuple[Key, ComponentName], _Asked] = {}
        self._lock = threading.Lock()

    def measured(
        self, key: Key, state: ComponentState, revision: Revision, before: ComponentStatus
    ) -> MeasuredStatus | None:
        """The figures of a pod of this plan; those in the status stay until another has told."""
        mark = revision.digest
        pods = [pod for pod in state.answering if pod.plan_digest == mark]
        is_of_plan = before.plan is not None and before.plan.digest == mark
        kept = before.measured if is_of_plan else None
        if not pods or (kept is not None and kept.pod in {pod.name for pod in pods}):
            return kept
        told = self._told(key, state.name, pods[0])
        return kept if told is None else self._figures(told, revision.plan, pods[0].name)

    def _told(self, key: Key, name: ComponentName, pod: Answering) -> Told | None:
        """What this pod has told; where it was not asked lately, it is asked now."""
        now, place = self._clock(), (key, name)
        with self._lock:
            known = self._asked.get(place)
            if known is not None and known.pod == pod.name and not known.is_over(now):
                return known.told
            times = known.times + 1 if known is not None and known.pod == pod.name else 1
            asked = self._asked[place] = _Asked(pod.name, now, times)
        self._ask(pod.ip, lambda told: self._hear(place, replace(asked, told=told)))
        return None

    def _hear(self, place: tuple[Key, ComponentName], answer: _Asked) -> None:
        """Look at the service again: now, or when the pod may be asked once more."""
        if answer.told is None:
            self._wake(place[0], answer.pause_s)
            return
        with self._lock:
            self._asked[place] = answer
        self._wake(place[0], 0.0)

    def forget(self, key: Key) -> None:
        """The service is gone."""
        with self._lock:
            for place in [place for place in self._asked if place[0] == key]:
                del self._asked[place]

    def _figures(self, told: Told, plan: Plan, pod: str) -> MeasuredStatus:
        return MeasuredStatus(
            pod=pod,
            batch_tokens=told.tokens,
            tokens_per_second=int(told.tokens_per_s),
            peak_memory_bytes=told.peak_memory_bytes,
            planned_memory_bytes=plan.warm_bytes,
            time=time_text(self._clock()),
        )
