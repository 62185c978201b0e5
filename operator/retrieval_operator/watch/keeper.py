"""Keep a watch running for ever, and the store complete.

A run ends by age (that is the resync), when kinds are installed or removed, when the server lost
the place in its history (kopf lists again without telling what has vanished), or by itself. After
each end the next run lists everything anew; only then the store is replaced, so it is never half
full.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from retrieval_operator.cluster import discovery
from retrieval_operator.cluster.client import Requests
from retrieval_operator.errors import ClusterError, ClusterUnavailable
from retrieval_operator.queue import backoff_s
from retrieval_operator.watch.intake import Intake
from retrieval_operator.watch.run import Run, Scope
from retrieval_operator.watch.survey import Survey, survey
from retrieval_operator.world import (
    CHILDREN,
    DEPLOYMENT,
    NODE,
    POD,
    SERVICE,
    Document,
    Key,
    Kind,
    Store,
)

_LOOK_S: Final = 5.0
"""Seconds between two looks at which kinds are served: one small request."""
_LINGER_S: Final = 5.0
_DOUBTS: Final = 5
"""How often a right that was there before must be missing to count: a starting API server forbids
everything until it has read its roles."""
_KINDS: Final = (SERVICE, NODE, POD, DEPLOYMENT, *CHILDREN)

log = structlog.get_logger()
Noticed = Callable[[Kind, Document | None, Document | None], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to follow: the namespaces (none: all), the lease, and how long a run may last.

    A run in which nothing is heard for `silence_s`, not even a heartbeat, is given up.
    """

    namespaces: tuple[str, ...]
    lease: tuple[str, str] | None
    resync_s: float
    silence_s: float


@dataclass(frozen=True, slots=True)
class Hearing:
    """Who is told, on the event loop: of one object that changed, and of a fresh listing."""

    noticed: Noticed
    relisted: Callable[[set[Key]], None]


class Watch:
    """Follows the cluster. `apis` is what it serves, `news_s` when anything was last heard.

    `reachable_since_s` is since when the server has answered without a break.
    """

    def __init__(
        self,
        wanted: Wanted,
        client: Requests,
        world: Store,
        hearing: Hearing,
        start: Callable[[Scope, Intake], Run],
        off_loop: Callable[[Callable[[], Any]], Awaitable[Any]] = asyncio.to_thread,
    ) -> None:
        self.apis: frozenset[str] = frozenset()
        self.news_s: float | None = None
        self.runs = 0
        self.has_heartbeat = False
        self.reachable_since_s: float | None = None
        self._wanted = wanted
        self._client = client
        self._world = world
        self._hearing = hearing
        self._start = start
        self._off_loop = off_loop
        self._served: frozenset[str] = frozenset()
        self._survey = Survey()
        self._doubts = 0

    async def keep(self) -> None:
        """Watch, for ever."""
        failures = 0
        while True:
            try:
                await self._one_run()
                failures = 0
            except ClusterError as error:
                failures += 1
                log.warning("cannot watch", error=str(error))
            except Exception as error:  # noqa: BLE001 - kopf ends with errors of its own
                failures += 1
                log.warning("watch ended", error=repr(error)[:300])
            if failures:
                await asyncio.sleep(min(backoff_s(failures, random.random()), 30))  # noqa: S311

    async def _one_run(self) -> None:
        self._served = await self._look()
        scope = await self._off_loop(self._scope)
        self.has_heartbeat = scope.lease is not None
        sink = Intake(self, asyncio.get_running_loop(), self._world)
        run = self._start(scope, sink)
        self.runs += 1
        ended = asyncio.wrap_future(run.ended)
        try:
            await self._until_due(ended, sink, scope.collections)
        finally:
            sink.close()
            run.stop()
        await asyncio.wait({ended}, timeout=_LINGER_S)
        if ended.done():
            ended.result()

    async def _until_due(self, ended: asyncio.Future[None], sink: Intake, collections: int) -> None:
        loop = asyncio.get_running_loop()
        began_s = loop.time()
        due_s = began_s + self._wanted.resync_s * random.uniform(0.9, 1.1)  # noqa: S311
        relist = asyncio.create_task(sink.lost_place.wait())
        ends: set[asyncio.Future[Any]] = {ended, relist}
        try:
            while loop.time() < due_s:
                done, _ = await asyncio.wait(
                    ends,
                    timeout=min(_LOOK_S, due_s - loop.time()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if done or self._is_silent(began_s) or await self._has_other_kinds():
                    return
                sink.settle(collections)
        finally:
            relist.cancel()

    def _is_silent(self, began_s: float) -> bool:
        """Whether the watches stay open and tell nothing, though the server answers."""
        if not self.has_heartbeat or self.reachable_since_s is None:
            return False
        heard_s = max(began_s, self.reachable_since_s, self.news_s or 0.0)
        silent_s = asyncio.get_running_loop().time() - heard_s
        if silent_s > self._wanted.silence_s:
            log.warning("the watch is silent and opened anew", silent_s=round(silent_s))
            return True
        return False

    async def _has_other_kinds(self) -> bool:
        """Whether kinds that matter can be followed, or cannot any more, since the run began."""
        try:
            if _matters(await self._look()) != _matters(self._served):
                return True
            closed = self._survey.closed
            again: Survey = await self._off_loop(partial(self._ask, closed))
            return bool(again.listable)
        except ClusterError:
            return False  # kopf waits for the server too

    async def _look(self) -> frozenset[str]:
        """What the server serves; its answer is also the proof that it is there."""
        try:
            apis: frozenset[str] = await self._off_loop(
                partial(discovery.served_apis, self._client)
            )
        except ClusterError:
            self.reachable_since_s = None
            raise
        if self.reachable_since_s is None:
            self.reachable_since_s = asyncio.get_running_loop().time()
        return apis

    def _scope(self) -> Scope:
        """What to follow now.

        Raises:
            ClusterError: The server does not answer, or forbids for a moment what it allowed.
        """
        found = self._ask(kind for kind in _KINDS if kind.api_version in self._served)
        lost = [text for kind, text in found.forbidden if kind in self._survey.listable]
        if lost and self._doubts < _DOUBTS:
            self._doubts += 1
            raise ClusterUnavailable("what was allowed is forbidden", lost[0])
        for kind, text in found.forbidden:
            log.warning("not followed", kind=kind.name, error=text)
        self._survey, self._doubts = found, 0
        self.apis = self._served - {kind.api_version for kind in found.missing}
        lease, namespaces = self._wanted.lease, self._wanted.namespaces
        if lease is not None and namespaces and lease[0] not in namespaces:
            lease = None
        return Scope(found.listable, namespaces, lease)

    def _ask(self, kinds: Iterable[Kind]) -> Survey:
        return survey(self._client, kinds, self._wanted.namespaces)

    def heard(self) -> None:
        """Something arrived: the watch is alive."""
        self.news_s = asyncio.get_running_loop().time()

    def noticed(self, kind: Kind, before: Document | None, after: Document | None) -> None:
        """An object changed."""
        self.heard()
        self._hearing.noticed(kind, before, after)

    def relisted(self, keys: set[Key]) -> None:
        """The store has been replaced by a fresh listing."""
        self.heard()
        self._hearing.relisted(keys)


def _matters(apis: frozenset[str]) -> frozenset[str]:
    return apis & {kind.api_version for kind in _KINDS}
