"""Keep a watch running for ever, and the store complete.

A run ends by age (that is the resync), when kinds are installed or removed, when the server lost
the place in its history (kopf lists again without telling what has vanished), or by itself. After
each end the next run lists everything anew; only then the store is replaced, so it is never half
full.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import structlog

from retrieval_operator.cluster import discovery
from retrieval_operator.cluster.client import Requests
from retrieval_operator.errors import ClusterError, ClusterRefused
from retrieval_operator.queue import backoff_s
from retrieval_operator.watch.run import Run, Scope
from retrieval_operator.watch.slim import slim
from retrieval_operator.world import (
    CHILDREN,
    DEPLOYMENT,
    LEASE,
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
_KINDS: Final = (SERVICE, NODE, POD, DEPLOYMENT, *CHILDREN)

log = structlog.get_logger()
Noticed = Callable[[Kind, Document | None, Document | None], None]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What to follow: the namespaces (none: all), the lease, and how long a run may last."""

    namespaces: tuple[str, ...]
    lease: tuple[str, str] | None
    resync_s: float


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
        start: Callable[[Scope, _Sink], Run],
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
        self.apis = await self._look()
        scope = await self._off_loop(partial(self._scope, self.apis))
        self.has_heartbeat = scope.lease is not None
        sink = _Sink(self, asyncio.get_running_loop(), self._world)
        run = self._start(scope, sink)
        self.runs += 1
        ended = asyncio.wrap_future(run.ended)
        try:
            await self._until_due(ended, sink)
        finally:
            sink.close()
            run.stop()
        await asyncio.wait({ended}, timeout=_LINGER_S)
        if ended.done():
            ended.result()

    async def _until_due(self, ended: asyncio.Future[None], sink: _Sink) -> None:
        loop = asyncio.get_running_loop()
        due_s = loop.time() + self._wanted.resync_s * random.uniform(0.9, 1.1)  # noqa: S311
        relist = asyncio.create_task(sink.lost_place.wait())
        ends: set[asyncio.Future[Any]] = {ended, relist}
        try:
            while loop.time() < due_s:
                done, _ = await asyncio.wait(
                    ends,
                    timeout=min(_LOOK_S, due_s - loop.time()),
                    return_when=asyncio.FIRST_COMPLETED,
                )
                if done or await self._has_other_apis():
                    return
        finally:
            relist.cancel()

    async def _has_other_apis(self) -> bool:
        """Whether kinds that matter have been installed or removed since the run began."""
        try:
            return _matters(await self._look()) != _matters(self.apis)
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

    def _scope(self, apis: frozenset[str]) -> Scope:
        kinds = tuple(kind for kind in _KINDS if kind.api_version in apis and self._may_list(kind))
        lease = self._wanted.lease
        if lease is not None and self._wanted.namespaces:
            lease = lease if lease[0] in self._wanted.namespaces else None
        return Scope(kinds, self._wanted.namespaces, lease)

    def _may_list(self, kind: Kind) -> bool:
        try:
            for namespace in self._wanted.namespaces or ("",):
                self._client.request("GET", kind.path(namespace), query={"limit": "1"})
        except ClusterRefused as error:
            log.warning("not followed", kind=kind.name, error=str(error))
            return False
        return True

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


class _Sink:
    """Receives what a run sees, in its thread, and tells the loop; deaf once closed."""

    def __init__(self, watch: Watch, loop: asyncio.AbstractEventLoop, world: Store) -> None:
        self.lost_place = asyncio.Event()
        self._watch = watch
        self._loop = loop
        self._world = world
        self._incoming: Store | None = Store()
        self._known: set[str] = set()
        self._is_closed = False

    def close(self) -> None:
        """Hear no more."""
        self._is_closed = True

    def listed(self, kind: Kind, document: Document) -> None:
        """Gather the listing; once it is complete, events carry the objects."""
        if self._incoming is not None:
            self._incoming.put(kind, slim(kind, document))

    def happened(self, kind: Kind, document: Document, how: str | None) -> None:
        """Keep the store true and pass the event on."""
        if self._is_closed:
            return
        if self._incoming is not None:
            keys, self._incoming = self._world.replace(self._incoming), None
            self._tell(self._watch.relisted, keys)
        if kind == LEASE:
            self._tell(self._watch.heard)
            return
        self._notice_lost_place(document, how)
        kept = slim(kind, document)
        metadata = document["metadata"]
        before = self._world.get(kind, metadata.get("namespace") or "", metadata["name"])
        if how == "DELETED":
            self._world.drop(kind, kept)
            self._tell(self._watch.noticed, kind, kept, None)
        elif self._world.put(kind, kept):
            self._tell(self._watch.noticed, kind, before, kept)
        else:
            self._tell(self._watch.heard)

    def _notice_lost_place(self, document: Document, how: str | None) -> None:
        """An object listed twice: kopf lists again after 410 Gone and says nothing of deletions."""
        uid = str(document["metadata"].get("uid"))
        if how is None and uid in self._known:
            self._tell(self.lost_place.set)
        self._known.add(uid)

    def _tell(self, function: Callable[..., object], *arguments: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closing
            self._loop.call_soon_threadsafe(function, *arguments)
