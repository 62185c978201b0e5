"""Keep the watch running and the store true, for ever.

Runs of the watch are started and ended as kinds are installed, and rights given and taken; what one
place lacks concerns no other. The store is filled by events and is never replaced: a listing of
metadata says when it is whole, and what vanished while nobody looked.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from retrieval_operator.errors import (
    ClusterError,
    ClusterRefused,
    ClusterUnavailable,
    KindMissing,
)
from retrieval_operator.runtime import discovery
from retrieval_operator.runtime.audit import Listing, compare, list_metadata
from retrieval_operator.runtime.client import Requests
from retrieval_operator.runtime.coverage import Check, Coverage
from retrieval_operator.runtime.intake import Intake
from retrieval_operator.runtime.kinds import Document, Kind, Place
from retrieval_operator.runtime.places import Scope, Wanted, scopes
from retrieval_operator.runtime.reflector import Reflector
from retrieval_operator.runtime.store import Store
from retrieval_operator.runtime.survey import Survey, survey
from retrieval_operator.runtime.workqueue import backoff_s

LOOK_S: Final = 5.0
"""Seconds between two looks at which kinds are served: one small request."""
_SOON_S: Final = 0.25
_LIST_AGAIN_S: Final = 10.0
"""A comparison that the watch has not caught up with takes a fresh listing after this long."""
_LOST_S: Final = 30.0
"""A right that was there must be missing for so long to count: a starting API server forbids
everything until it has read its roles."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who is told, on the event loop.

    `noticed` hears of one object, `complete` that a place is whole for the first time, `resynced`
    that the whole store was compared with the cluster.
    """

    noticed: Callable[[Kind, Document | None, Document | None], None]
    complete: Callable[[Place], None]
    resynced: Callable[[], None]


@dataclass(frozen=True, slots=True)
class _Running:
    reflector: Reflector
    intake: Intake


class Informer:
    """Follows the cluster. `apis` is what it serves, `news_s` when the watch was last heard.

    `reachable_since_s` is since when the server has answered without a break.
    """

    def __init__(
        self,
        wanted: Wanted,
        client: Requests,
        store: Store,
        hearing: Hearing,
        start: Callable[[Scope, Intake], Reflector],
        off_loop: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self.coverage = Coverage()
        self.apis: frozenset[str] = frozenset()
        self.news_s: float | None = None
        self.reachable_since_s: float | None = None
        self.runs = 0
        self._wanted = wanted
        self._client = client
        self._store = store
        self._hearing = hearing
        self._start = start
        self._off_loop = off_loop
        self._running: dict[Scope, _Running] = {}
        self._served: frozenset[str] = frozenset()
        self._is_doubtful = False
        self._is_resyncing = False
        self._resync_s = float("inf")
        self._look_s = float("-inf")
        self._wake = asyncio.Event()

    async def keep(self) -> None:
        """Watch, for ever."""
        failures = 0
        self._next_resync()
        try:
            while True:
                try:
                    failures = failures + 1 if await self._turn() else 0
                except ClusterError as error:
                    failures += 1
                    log.warning("cannot watch", error=str(error))
                await self._pause(failures)
        finally:
            self._keep_only(frozenset())

    async def _turn(self) -> bool:
        """Look, follow, compare; True where a run of the watch has ended by itself."""
        has_ended = self._reap()
        if self._is_doubtful or self._now_s() >= self._look_s:
            await self._look()
        self._keep_only(scopes(self.coverage.followed))
        if self._now_s() >= self._resync_s:
            self._next_resync()
            self._is_resyncing = True
            self.coverage.due(self.coverage.followed, self._now_s())
        for place in tuple(self.coverage.checks):
            await self._check(place)
        self._drop_lost()
        if self._is_resyncing and not self.coverage.checks:
            self._is_resyncing = False
            self._hearing.resynced()
        return has_ended

    async def _pause(self, failures: int) -> None:
        """Until something happens, or the next look is due."""
        soon_s = _SOON_S if self.coverage.checks else LOOK_S
        wait_s = min(backoff_s(failures, random.random()), 30.0) if failures else soon_s  # noqa: S311
        self._wake.clear()
        try:
            async with asyncio.timeout(wait_s):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _look(self) -> None:
        """What can be followed: asked where what is served has changed, or a place was closed."""
        served = await self._served_now()
        wanted = self._wanted.places(served)
        known = self.coverage.survey
        self._look_s = self._now_s() + LOOK_S
        if self._is_doubtful or served != self._served or not known.listable:
            self._took(await self._ask(wanted), served)
            self._is_doubtful = False
        elif known.closed:
            opened = await self._ask(known.closed)
            if opened.listable:
                self._took(await self._ask(wanted), served)

    async def _ask(self, places: tuple[Place, ...]) -> Survey:
        found: Survey = await self._off_loop(partial(survey, self._client, places))
        return found

    def _took(self, found: Survey, served: frozenset[str]) -> None:
        """Follow what was found; where all is forbidden at once, the server is starting."""
        if not found.listable and self.coverage.followed and found.forbidden:
            raise ClusterUnavailable("what was allowed is forbidden", found.forbidden[0][1])
        known = {place for place, _ in self.coverage.gaps}
        for place, text in found.forbidden:
            if place not in known:
                log.warning("not followed", place=str(place), error=text)
        self.coverage.surveyed(found, self._now_s())
        self._served = served
        self.apis = served - {kind.api_version for kind in found.missing_kinds}

    async def _served_now(self) -> frozenset[str]:
        """What the server serves; its answer is also the proof that it is there."""
        try:
            apis: frozenset[str] = await self._off_loop(
                partial(discovery.served_apis, self._client)
            )
        except ClusterError:
            self.reachable_since_s = None
            raise
        if self.reachable_since_s is None:
            self.reachable_since_s = self._now_s()
        return apis

    def _keep_only(self, wanted: frozenset[Scope]) -> None:
        """Start the runs that are missing, and stop those that are not wanted any more."""
        for scope in self._running.keys() - wanted:
            gone = self._running.pop(scope)
            gone.intake.close()
            gone.reflector.stop()
        for scope in wanted - self._running.keys():
            intake = Intake(self, asyncio.get_running_loop(), self._store)
            reflector = self._start(scope, intake)
            reflector.ended.add_done_callback(partial(_tell_end, intake))
            self._running[scope] = _Running(reflector, intake)
            self.runs += 1

    def _reap(self) -> bool:
        ended = [scope for scope, one in self._running.items() if one.reflector.ended.done()]
        for scope in ended:
            one = self._running.pop(scope)
            one.intake.close()
            error = one.reflector.ended.exception()
            log.warning("a run of the watch ended", error=repr(error)[:300])
            self.coverage.due(self._places_of(scope), self._now_s())
            self._is_doubtful = True
        return bool(ended)

    def _places_of(self, scope: Scope) -> tuple[Place, ...]:
        return tuple(
            place
            for place in self.coverage.followed
            if place.kind in scope.kinds
            and (not scope.namespaces or place.namespace in scope.namespaces)
        )

    async def _check(self, place: Place) -> None:
        """Compare one place with what the server lists, until the watch has told all of it."""
        check = self.coverage.checks[place]
        now_s = self._now_s()
        if check.listing is None or now_s - check.listed_s >= _LIST_AGAIN_S:
            check.listing = await self._listing(place)
            check.listed_s = self._now_s()
        if check.listing is None:
            return
        found = compare(self._store.within(place), check.listing)
        for document in found.vanished:
            self._store.drop(place.kind, document)
            self._hearing.noticed(place.kind, document, None)
        if not found.untold:
            self._told(place, check)
        elif now_s - check.since_s > 4 * self._wanted.silence_s and place in self.coverage.listed:
            self._reopen(place, len(found.untold))

    async def _listing(self, place: Place) -> Listing | None:
        """What a place holds; None where it may not be listed any more."""
        try:
            found: Listing = await self._off_loop(partial(list_metadata, self._client, place))
        except (ClusterRefused, KindMissing):
            self._is_doubtful = True
            return None
        return found

    def _told(self, place: Place, check: Check) -> None:
        if self.coverage.checks.get(place) is check:
            del self.coverage.checks[place]
        if place not in self.coverage.listed:
            self.coverage.listed.add(place)
            self._hearing.complete(place)

    def _reopen(self, place: Place, untold: int) -> None:
        """The streams are open and hide something all the same: another run may not."""
        log.warning("the watch does not tell everything", place=str(place), untold=untold)
        self.coverage.checks[place] = Check(self._now_s())
        for scope in tuple(self._running):
            if place in self._places_of(scope):
                gone = self._running.pop(scope)
                gone.intake.close()
                gone.reflector.stop()

    def _drop_lost(self) -> None:
        for place in self.coverage.given_up(self._now_s(), _LOST_S):
            log.warning("not followed any more", place=str(place))
            for document in self._store.within(place).values():
                self._store.drop(place.kind, document)
                self._hearing.noticed(place.kind, document, None)

    def _next_resync(self) -> None:
        self._resync_s = self._now_s() + self._wanted.resync_s * random.uniform(0.9, 1.1)  # noqa: S311

    def _now_s(self) -> float:
        return asyncio.get_running_loop().time()

    def heard(self) -> None:
        """Something arrived: the watch is alive."""
        self.news_s = self._now_s()

    def noticed(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """An object changed."""
        self.heard()
        self._hearing.noticed(kind, before, after)

    def collected(self, path: str) -> None:
        """A collection is listed: what vanished before is found by comparing."""
        due = [place for place in self.coverage.followed if place.path == path]
        self.coverage.due(due, self._now_s())
        self._wake.set()

    def ended(self) -> None:
        """A run of the watch has ended."""
        self._wake.set()


def _tell_end(intake: Intake, _: Future[None]) -> None:
    intake.ended()
