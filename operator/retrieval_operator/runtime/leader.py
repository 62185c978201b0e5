"""Which replica writes: the holder of a Lease.

A lease has run out when its record has not changed for its length *as seen here*, so that clocks of
machines are never compared. A holder that cannot renew stops before the others may take over; until
then it tries again and again, so that a request that is lost or answered late costs nothing.
Source: client-go, tools/leaderelection (the rule, and why clocks are not compared).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum
from typing import Final, Protocol

import structlog

from retrieval_operator.errors import ClusterError
from retrieval_operator.runtime.lease import Record

_RENEWALS_A_LEASE: Final = 5
_TRIES_A_LEASE: Final = 15
"""How soon a renewal that failed is repeated: 1 s in a lease of 15 s."""
_LOOK_S: Final = 2.0
"""Pause of who does not lead: a lease that is given back is taken within it (client-go: 2 s)."""
_GIVE_UP_AT: Final = 2 / 3
"""Share of a lease after which a holder that could not renew stops: before it runs out."""

log = structlog.get_logger()


class Move(Enum):
    """What a candidate does about a lease."""

    RENEW = "it is ours: renew it"
    TAKE = "it is nobody's: take it"
    WAIT = "somebody else holds it"


@dataclass(frozen=True, slots=True)
class Sight:
    """A record and when it was first seen in this form, on our own clock."""

    record: Record
    since_s: float


def see(before: Sight | None, record: Record, now_s: float) -> Sight:
    """The newest look at a lease; the time stays while the record does not change."""
    if before is not None and before.record == record:
        return before
    return Sight(record, now_s)


def move(sight: Sight, identity: str, now_s: float) -> Move:
    """What the candidate of that name may do now."""
    record = sight.record
    if record.holder == identity:
        return Move.RENEW
    if not record.holder or now_s - sight.since_s > record.seconds:
        return Move.TAKE
    return Move.WAIT


class Lease(Protocol):
    """The shared record of who leads."""

    def read(self) -> Record:
        """What it says now."""

    def write(self, before: Record, holder: str, seconds: int, now: datetime) -> Record:
        """Hold it; Conflict where another was faster."""


class Leader:
    """One candidate. `lead_s()` may be asked from any thread; `changed` hears of every change."""

    def __init__(
        self,
        lease: Lease,
        identity: str,
        lease_seconds: int,
        changed: Callable[[bool], None],
        off_loop: Callable[[Callable[[], Record]], Awaitable[Record]] = asyncio.to_thread,
    ) -> None:
        self._lease = lease
        self._identity = identity
        self._seconds = lease_seconds
        self._look_s = min(lease_seconds / _RENEWALS_A_LEASE, _LOOK_S)
        self._changed = changed
        self._off_loop = off_loop
        self._sight: Sight | None = None
        self._own: Record | None = None
        self._until_s = float("-inf")
        self._leads = False
        self._clock: Callable[[], float] = lambda: 0.0

    def lead_s(self) -> float:
        """For how many seconds this replica may still write; 0 where another one may."""
        return max(0.0, self._until_s - self._clock()) if self._leads else 0.0

    def holds(self) -> bool:
        """Whether this replica may write at this moment."""
        return self.lead_s() > 0

    async def campaign(self) -> None:
        """Take the lease when it is free and keep it, for ever."""
        self._clock = asyncio.get_running_loop().time
        while True:
            turns = _RENEWALS_A_LEASE
            try:
                await self._turn(self._clock())
            except ClusterError as error:
                turns = _TRIES_A_LEASE
                self._own = None  # what the server has now must be read
                log.warning("lease not renewed", error=str(error))
                self._set(leads=self.holds())
            await asyncio.sleep(self._seconds / turns if self._leads else self._look_s)

    async def resign(self) -> None:
        """Stop leading at once, and let another replica take over without waiting."""
        was_leading = self.holds()
        self._set(leads=False)
        if was_leading:
            with contextlib.suppress(ClusterError):
                record = await self._off_loop(self._lease.read)
                if record.holder == self._identity:
                    await self._write(record, "", 1)

    async def _turn(self, now_s: float) -> None:
        """Renew the lease, take it, or see that it is another's."""
        record = self._own or await self._off_loop(self._lease.read)
        self._sight = see(self._sight, record, self._clock())
        if move(self._sight, self._identity, self._clock()) is Move.WAIT:
            self._set(leads=False)
            return
        self._own = await self._write(record, self._identity, self._seconds)
        self._sight = see(self._sight, self._own, self._clock())
        if not self.holds():
            self._set(leads=False)  # passes were refused meanwhile: they are due again
        self._until_s = now_s + self._seconds * _GIVE_UP_AT
        self._set(leads=self._clock() < self._until_s)

    async def _write(self, before: Record, holder: str, seconds: int) -> Record:
        lease, now = self._lease, datetime.now(UTC)
        return await self._off_loop(lambda: lease.write(before, holder, seconds, now))

    def _set(self, *, leads: bool) -> None:
        if leads != self._leads:
            self._leads = leads
            self._changed(leads)
