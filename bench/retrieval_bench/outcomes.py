"""How requests ended: one record per request, and the columns they are counted from.

Clients make an `Outcome` per request; `gather` turns them into columns, which is all that the
statistics read. Times are seconds since the load began, on one clock for all client processes.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import IntEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Codes = npt.NDArray[np.int8]

TIMER_GRAIN_S = 0.001
"""Timers of asyncio and of libuv fire on whole milliseconds, so a lag below that is ours."""


class Ending(IntEnum):
    """What became of a request."""

    ANSWERED = 0
    REJECTED = 1
    REFUSED = 2
    WRONG_ANSWER = 3
    TIMED_OUT = 4
    UNREACHABLE = 5


@dataclass(frozen=True, slots=True)
class Outcome:
    """One request: when it was due, when it left, when it was over, and how it ended.

    `message` is empty for an answer. `reply_bytes` counts the body, 0 if none came.
    """

    due_s: float
    sent_s: float
    done_s: float
    ending: Ending
    reply_bytes: int = 0
    message: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Outcomes:
    """The same as columns, one entry a request, in no particular order."""

    due_s: Floats
    sent_s: Floats
    done_s: Floats
    endings: Codes
    reply_bytes: npt.NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.endings)

    @property
    def answered(self) -> npt.NDArray[np.bool_]:
        """Which requests got the answer they asked for."""
        return np.equal(self.endings, Ending.ANSWERED)

    @property
    def latency_s(self) -> Floats:
        """Seconds from when each request was due until it was over.

        Counting from the due time charges a stalled server for the requests that the stall held
        back (coordinated omission). A lag of up to one tick of the timer is not the server's and is
        not charged.

        Source: G. Tene, "How NOT to Measure Latency", 2013; wrk2's README.
        """
        return self.done_s - np.minimum(self.sent_s, self.due_s + TIMER_GRAIN_S)

    @property
    def lag_s(self) -> Floats:
        """Seconds that each request left late: the client's doing, not the server's."""
        return np.maximum(self.sent_s - self.due_s, 0.0)


def gather(outcomes: Sequence[Outcome]) -> Outcomes:
    """The records as columns."""
    return Outcomes(
        due_s=np.array([one.due_s for one in outcomes], dtype=np.float64),
        sent_s=np.array([one.sent_s for one in outcomes], dtype=np.float64),
        done_s=np.array([one.done_s for one in outcomes], dtype=np.float64),
        endings=np.array([one.ending for one in outcomes], dtype=np.int8),
        reply_bytes=np.array([one.reply_bytes for one in outcomes], dtype=np.int64),
    )


def merge(parts: Iterable[Outcomes]) -> Outcomes:
    """The columns of several client processes, one after the other."""
    columns = [(p.due_s, p.sent_s, p.done_s, p.endings, p.reply_bytes) for p in parts]
    if not columns:
        return gather(())
    due_s, sent_s, done_s, endings, reply_bytes = (
        np.concatenate(column) for column in zip(*columns, strict=True)
    )
    return Outcomes(due_s, sent_s, done_s, endings, reply_bytes)
