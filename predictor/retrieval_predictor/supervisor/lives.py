"""How an engine's lives ended, and what follows from it. Pure: records in, a decision out.

An engine that dies is started again, because its device or its neighbour may be well by then. Two
things end the pod: an engine that was never ready and says that its configuration cannot work, and
engines of which none comes back. One engine's failure is one engine's: others go on.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from retrieval_predictor.engine import EXIT_CONFIGURATION

FIRST_PAUSE_S, LONGEST_PAUSE_S = 0.25, 30.0

MOST_FAILURES = 5
"""So many lives in a row that ended before they were ready, of every engine, and the pod ends: the
kubelet starts it again, later each time, and the object says why."""

EXIT_DEAD = 1
"""Status of a pod whose engines were killed; the kubelet knows more about who did it."""


@dataclass(frozen=True, slots=True)
class Life:
    """One process of an engine: its exit status, below 0 a signal, and how far it came."""

    status: int
    was_ready: bool
    lasted_s: float


@dataclass(frozen=True, slots=True)
class Record:
    """The lives of one engine so far. `failures` counts those since it was last ready."""

    was_ever_ready: bool = False
    failures: int = 0
    status: int = 0
    pause_s: float = FIRST_PAUSE_S

    def after(self, life: Life) -> Record:
        """The record with one more life; the pause before the next one doubles up to a bound."""
        is_long = life.lasted_s > LONGEST_PAUSE_S
        return replace(
            self,
            was_ever_ready=self.was_ever_ready or life.was_ready,
            failures=0 if life.was_ready else self.failures + 1,
            status=life.status,
            pause_s=FIRST_PAUSE_S if is_long else min(2 * self.pause_s, LONGEST_PAUSE_S),
        )

    @property
    def is_hopeless(self) -> bool:
        """Whether trying again would only hide the message."""
        return self.status == EXIT_CONFIGURATION and not self.was_ever_ready


def end_of_pod(records: Sequence[Record]) -> int | None:
    """The status that the pod ends with, None where it goes on."""
    if any(record.is_hopeless for record in records):
        return EXIT_CONFIGURATION
    if any(record.failures < MOST_FAILURES for record in records):
        return None
    return max(EXIT_DEAD if record.status < 0 else record.status for record in records) or EXIT_DEAD


class Silence:
    """Looks at an engine's signs of life.

    Looks are counted, not seconds, so that a machine that stood still as a whole is not taken for a
    dead engine. Before its first sign an engine imports for seconds, for minutes on a busy node.
    """

    def __init__(self, most_looks: int, most_looks_at_start: int) -> None:
        self._most_looks = most_looks
        self._most_looks_at_start = max(most_looks_at_start, most_looks)
        self._last_ns = 0
        self._silent_looks = 0

    def look(self, beat_ns: int) -> bool:
        """Whether it has been silent for too long; `beat_ns` is its last sign, 0 for none yet."""
        self._silent_looks = self._silent_looks + 1 if beat_ns == self._last_ns else 0
        self._last_ns = beat_ns
        most = self._most_looks if beat_ns else self._most_looks_at_start
        return self._silent_looks >= most
