"""One run of kopf: list everything, then follow it, in a thread with a loop of its own.

kopf cancels every task of its loop when it ends, and it ends by design: where a kind is forbidden
or not served any more, or the server answers a watch with an error. A thread makes each end
harmless. Handlers are told of listed objects by an index function, because kopf holds back all
event handlers until everything indexed has been listed; so nobody ever sees half a cluster.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterable
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any, Protocol

import kopf

from retrieval_operator.watch.session import Login
from retrieval_operator.world import INFERENCE_SERVICE, LEASE, NODE, SERVICE, Document, Kind
from retrieval_operator.world.store import MANAGED_BY

_PAGE = 500
"""Objects in one answer of a listing, as the official clients have it."""
_SERVER_TIMEOUT_S = 300
_CONNECT_TIMEOUT_S = 10
_REQUEST_TIMEOUT_S = 60
_RETRIES_S = (0.5, 1, 2, 4)
_IDENTITY = "retrieval-operator"


@dataclass(frozen=True, slots=True)
class Scope:
    """What one run follows; no namespaces means all of them. `lease` is (namespace, name)."""

    kinds: tuple[Kind, ...]
    namespaces: tuple[str, ...]
    lease: tuple[str, str] | None

    @property
    def collections(self) -> int:
        """How many listings are complete once everything has been listed."""
        places = max(1, len(self.namespaces))
        followed = sum(places if kind.is_namespaced else 1 for kind in self.kinds)
        return followed + (places if self.lease is not None else 0)


class Sink(Protocol):
    """Who is told; called in the run's thread."""

    def collected(self, path: str) -> None:
        """A collection has been listed."""

    def listed(self, kind: Kind, document: Document) -> None:
        """An object, as listed or as it has become, before anybody acts on it."""

    def happened(self, kind: Kind, document: Document, how: str | None) -> None:
        """An event; `how` is ADDED, MODIFIED, DELETED, or None for an object of a listing."""


class Run:
    """A started run; `ended` holds its exception, or None where it was asked to stop."""

    def __init__(self, scope: Scope, configuration: Any, sink: Sink) -> None:
        self.ended: Future[None] = Future()
        self._scope = scope
        self._registry = _registry(scope, configuration, sink)
        self._lock = threading.Lock()
        self._is_stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._flag = asyncio.Event()
        threading.Thread(target=self._follow, name="watch", daemon=True).start()

    def stop(self) -> None:
        """Ask the run to end; it does so within a moment."""
        with self._lock:
            self._is_stopped = True
            if self._loop is not None and not self._loop.is_closed():
                self._loop.call_soon_threadsafe(self._flag.set)

    def _follow(self) -> None:
        try:
            asyncio.run(self._operate())
        except BaseException as error:  # noqa: BLE001 - whatever ended it, the keeper starts anew
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    async def _operate(self) -> None:
        with self._lock:
            self._loop = asyncio.get_running_loop()
            if self._is_stopped:
                self._flag.set()
        namespaces = self._scope.namespaces
        await kopf.operator(
            registry=self._registry,
            settings=_settings(self._scope),
            namespaces=namespaces,
            clusterwide=not namespaces,
            standalone=True,
            identity=_IDENTITY,  # kopf asks for the user's name otherwise, and not every id has one
            stop_flag=self._flag,
        )


def _registry(scope: Scope, configuration: Any, sink: Sink) -> Any:
    registry = kopf.OperatorRegistry()

    kopf.on.login(registry=registry, id="session")(Login(configuration, sink.collected).__call__)
    for kind in scope.kinds:
        _follow_kind(registry, kind, sink)
    if scope.lease is not None:
        _follow_lease(registry, scope.lease, sink)
    return registry


def _follow_kind(registry: Any, kind: Kind, sink: Sink) -> None:
    where = (kind.group, kind.version, kind.plural)

    async def listed(body: Any, **_: Any) -> None:
        sink.listed(kind, dict(body))

    async def happened(event: Any, **_: Any) -> None:
        sink.happened(kind, event["object"], event["type"])

    kopf.index(*where, id=f"{kind.plural}-listed", registry=registry)(listed)
    kopf.on.event(*where, id=f"{kind.plural}-happened", registry=registry)(happened)


def _follow_lease(registry: Any, lease: tuple[str, str], sink: Sink) -> None:
    """The leader renews its lease all the time: the heartbeat of the whole watch."""

    async def beat(event: Any, **_: Any) -> None:
        metadata = event["object"]["metadata"]
        if (metadata["namespace"], metadata["name"]) == lease:
            sink.happened(LEASE, event["object"], event["type"])

    where = (LEASE.group, LEASE.version, LEASE.plural)
    kopf.on.event(*where, id="heartbeat", registry=registry)(beat)


def _settings(scope: Scope) -> Any:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # the keeper looks which kinds are served
    settings.peering.standalone = True
    settings.process.ultimate_exiting_timeout = None
    settings.watching.chunk_size = _PAGE
    settings.watching.server_timeout = _SERVER_TIMEOUT_S
    settings.watching.client_timeout = _SERVER_TIMEOUT_S + _CONNECT_TIMEOUT_S
    settings.watching.connect_timeout = _CONNECT_TIMEOUT_S
    settings.networking.request_timeout = _REQUEST_TIMEOUT_S
    settings.networking.connect_timeout = _CONNECT_TIMEOUT_S
    settings.networking.error_backoffs = _RETRIES_S
    ours = ",".join(f"{name}={value}" for name, value in MANAGED_BY.items())
    for kind in _labelled(scope.kinds):
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = ours
    if scope.lease is not None:
        where = (LEASE.group, LEASE.version, LEASE.plural)
        settings.watching.field_selectors[where] = f"metadata.name={scope.lease[1]}"
    return settings


def _labelled(kinds: Iterable[Kind]) -> Iterable[Kind]:
    """Everything we rendered carries our label, and so do KServe's Deployments and their pods.

    InferenceServices are all followed, so that one of a name we need is seen whoever made it.
    """
    return (kind for kind in kinds if kind not in {SERVICE, NODE, INFERENCE_SERVICE})
