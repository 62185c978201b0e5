"""How soon a field that somebody else changed is taken back. Pure but for what it remembers.

An edit is undone at once. Who makes the same edit again and again is a second controller or a
script: answering each time would be a race that fills the API server, so the pauses grow.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.world import Ref

_AT_ONCE: Final = 3
"""Repairs in a row before pauses begin."""
_LONGEST_S: Final = 60.0
_QUIET_S: Final = 20.0
"""Without an edit for this long, and for twice the last pause, a row of edits is over."""


@dataclass(frozen=True, slots=True)
class Streak:
    """How often in a row an object was repaired, when last, and who had changed it."""

    repairs: int = 0
    last_s: float = 0.0
    rival: str = ""

    @property
    def is_contested(self) -> bool:
        """Whether somebody does not give up."""
        return self.repairs >= _AT_ONCE

    @property
    def pause_s(self) -> float:
        """How long the next repair waits after the last one."""
        return min(2.0 ** (self.repairs - _AT_ONCE), _LONGEST_S) if self.is_contested else 0.0

    def is_over(self, now_s: float) -> bool:
        """Whether nobody has changed anything for long enough."""
        return now_s - self.last_s > max(_QUIET_S, 2 * self.pause_s)


class Repairs:
    """The streaks of all objects. One key is passed over at a time, so it needs no lock."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._streaks: dict[Ref, Streak] = {}

    def streak(self, ref: Ref) -> Streak:
        """The present one; a fresh one where the last is over."""
        known = self._streaks.get(ref)
        if known is not None and known.is_over(self._clock()):
            self._streaks.pop(ref, None)
            known = None
        return known or Streak()

    def forget(self, ref: Ref) -> None:
        """The object is gone."""
        self._streaks.pop(ref, None)

    def is_due(self, ref: Ref) -> bool:
        """Whether the object may be repaired now."""
        streak = self.streak(ref)
        return self._clock() - streak.last_s >= streak.pause_s

    def repaired(self, ref: Ref, rival: str) -> Streak:
        """The streak after one more repair."""
        streak = Streak(self.streak(ref).repairs + 1, self._clock(), rival)
        self._streaks[ref] = streak
        return streak


def rival_of(live: Mapping[str, Any], ours: str) -> str:
    """Who changed an object last, apart from us and from writers of its status."""
    entries: Iterable[Mapping[str, Any]] = (live.get("metadata") or {}).get("managedFields") or ()
    others = [one for one in entries if one.get("manager") != ours and not one.get("subresource")]
    latest = max(others, key=lambda one: str(one.get("time") or ""), default={})
    return str(latest.get("manager") or "somebody")
