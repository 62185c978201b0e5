"""A queue of keys that wait for a pass: deduplicated, one pass a key at a time, retried.

A key that is added while its pass runs is passed again afterwards, so nothing that happens
meanwhile is lost. A pass that fails is repeated with exponential backoff; a pass may also ask to be
repeated. Works on the event loop's clock; call it from the loop's thread.
"""

from __future__ import annotations

import asyncio
import random
from collections import deque
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

K = TypeVar("K", bound=Hashable)

FIRST_RETRY_S: Final = 0.5
LONGEST_RETRY_S: Final = 300.0
_DOUBLINGS: Final = 10
POLLS_PER_S: Final = 5.0
"""Passes a second that nothing but the clock asks for, on the whole: the more keys ask to be passed
again, the longer each waits. An event wakes its key at once all the same."""


@dataclass(frozen=True, slots=True)
class Done:
    """The pass did all it could; `again_s` asks for another one, not sooner than that."""

    again_s: float | None = None


@dataclass(frozen=True, slots=True)
class Failed:
    """The pass has to be repeated, not before `at_least_s`, and else within `at_most_s`."""

    at_least_s: float = 0.0
    at_most_s: float = LONGEST_RETRY_S


Outcome = Done | Failed


def backoff_s(failures: int, chance: float) -> float:
    """How long to wait after so many failures in a row (1 is the first).

    `chance` in [0, 1) spreads equal waits over [½, 1] of the doubled time, so that keys which
    failed together do not come back together.
    """
    doubled = FIRST_RETRY_S * 2.0 ** min(max(failures, 1) - 1, _DOUBLINGS)
    return min(doubled, LONGEST_RETRY_S) * (0.5 + 0.5 * chance)


class Workqueue(Generic[K]):
    """Keys to pass over, and the workers that do it."""

    def __init__(self, chance: Callable[[], float] = random.random) -> None:
        self._chance = chance
        self._ready: deque[K] = deque()
        self._since_s: dict[K, float] = {}
        self._running: set[K] = set()
        self._timers: dict[K, asyncio.TimerHandle] = {}
        self._failures: dict[K, int] = {}
        self._held: dict[K, float] = {}
        self._polled: set[K] = set()
        self._wake = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self.added = 0
        self.retried = 0

    def add(self, key: K) -> None:
        """Pass over `key` as soon as a worker is free, but not before a server allows it."""
        if self._held_s(key) > 0:
            self._later(key, self._held_s(key))
            return
        self._held.pop(key, None)
        self._polled.discard(key)
        timer = self._timers.pop(key, None)
        if timer is not None:
            timer.cancel()
        if key in self._since_s:
            return
        self.added += 1
        self._since_s[key] = asyncio.get_running_loop().time()
        if key not in self._running:
            self._ready.append(key)
            self._wake.set()

    def add_after(self, key: K, delay_s: float) -> None:
        """Pass over `key` in that time, or earlier where an earlier pass is due already."""
        if delay_s <= 0:
            self.add(key)
            return
        self._later(key, max(delay_s, self._held_s(key)))

    def clear(self) -> None:
        """Drop everything that waits; what a server asked to wait for counts on."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._polled.clear()
        self._failures.clear()
        self._ready.clear()
        self._since_s.clear()

    @property
    def depth(self) -> int:
        """Keys that wait for a worker."""
        return len(self._since_s)

    @property
    def delayed(self) -> int:
        """Keys that wait for their time."""
        return len(self._timers)

    @property
    def running(self) -> int:
        """Passes in progress."""
        return len(self._running)

    def oldest_s(self) -> float:
        """How long the oldest waiting key has waited; 0 when none does."""
        if not self._since_s:
            return 0.0
        return asyncio.get_running_loop().time() - min(self._since_s.values())

    async def work(self, handle: Callable[[K], Awaitable[Outcome]]) -> None:
        """One worker: pass over keys for ever. `handle` must not raise."""
        while True:
            key = await self._next()
            outcome: Outcome = Failed()
            try:
                outcome = await handle(key)
            finally:
                self._finish(key, outcome)

    async def idle(self) -> None:
        """Wait until no pass is in progress."""
        await self._idle.wait()

    def _hold(self, key: K, wait_s: float) -> None:
        """The server asked for patience: events do not shorten it."""
        self._since_s.pop(key, None)
        self._held[key] = asyncio.get_running_loop().time() + wait_s

    def _held_s(self, key: K) -> float:
        return self._held.get(key, 0.0) - asyncio.get_running_loop().time()

    def _later(self, key: K, delay_s: float) -> None:
        loop = asyncio.get_running_loop()
        timer = self._timers.get(key)
        if key in self._since_s or (timer and timer.when() <= loop.time() + delay_s):
            return
        if timer is not None:
            timer.cancel()
        self._timers[key] = loop.call_later(delay_s, self._due, key)

    def _due(self, key: K) -> None:
        self._timers.pop(key, None)
        self.add(key)

    async def _next(self) -> K:
        while not self._ready:
            self._wake.clear()
            await self._wake.wait()
        key = self._ready.popleft()
        del self._since_s[key]
        self._running.add(key)
        self._idle.clear()
        return key

    def _finish(self, key: K, outcome: Outcome) -> None:
        self._running.discard(key)
        if not self._running:
            self._idle.set()
        if isinstance(outcome, Failed) and outcome.at_least_s > 0:
            self._hold(key, outcome.at_least_s)
        if key in self._since_s:  # added while it ran
            self._ready.append(key)
            self._wake.set()
        if isinstance(outcome, Failed):
            self.retried += 1
            self._failures[key] = self._failures.get(key, 0) + 1
            pause_s = min(backoff_s(self._failures[key], self._chance()), outcome.at_most_s)
            self.add_after(key, max(pause_s, outcome.at_least_s))
            return
        self._failures.pop(key, None)
        self._held.pop(key, None)
        if outcome.again_s is not None:
            self._polled.add(key)
            self.add_after(key, max(outcome.again_s, len(self._polled) / POLLS_PER_S))
