"""What is shown of a build while it runs: how much, how fast, how long still."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TextIO

_EVERY_S = 1.0


@dataclass(slots=True)
class Progress:
    """One line on a terminal that is written over; lines now and then elsewhere.

    `total` is unknown for a source that is read as it comes; then there is no time left to show.
    """

    out: TextIO
    total: int | None = None
    resumed: int = 0
    _done: int = field(default=0, init=False)
    _started_s: float = field(default_factory=time.monotonic, init=False)
    _shown_s: float = field(default=0.0, init=False)

    def advance(self, count: int) -> None:
        """So many passages more are done."""
        self._done += count
        now_s = time.monotonic()
        pause_s = _EVERY_S if self.out.isatty() else 10 * _EVERY_S
        if now_s - self._shown_s >= pause_s:
            self._shown_s = now_s
            self._show(line(self.resumed, self._done, now_s - self._started_s, self.total))

    def say(self, what: str) -> None:
        """Show what is being done now."""
        self._show(what)

    def end(self, what: str) -> None:
        """Show the last word."""
        self._show(what)
        if self.out.isatty():
            self.out.write("\n")

    def _show(self, text: str) -> None:
        self.out.write(f"\r\x1b[K{text}" if self.out.isatty() else f"{text}\n")
        self.out.flush()


def line(resumed: int, done: int, taken_s: float, total: int | None) -> str:
    """Progress in words: 12,000 of 50,000 passages, 410/s, 1 min 33 s left."""
    rate = done / taken_s if taken_s > 0 else 0.0
    have = resumed + done
    if total is None:
        return f"{have:,} passages, {rate:,.0f}/s"
    left = f", {duration((total - have) / rate)} left" if rate else ""
    return f"{have:,} of {total:,} passages, {rate:,.0f}/s{left}"


def duration(seconds: float) -> str:
    """Seconds for people: 45 s, 3 min 20 s, 2 h 5 min."""
    whole = max(round(seconds), 0)
    minutes, rest_s = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {rest_s} s" if minutes else f"{rest_s} s"
