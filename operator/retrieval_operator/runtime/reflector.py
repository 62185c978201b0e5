"""One run of kopf: list some kinds and follow them, in a thread with a loop of its own.

kopf cancels every task of its loop when it ends, and it ends by design: where a kind is forbidden
or not served any more, or the server answers a watch with an error. A thread makes each end
harmless. Nothing else ends it: streams that break, lose their place or fall silent are its own
business, and it opens each anew.
"""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any, Protocol

import kopf

from retrieval_operator.runtime.kinds import Document, Kind
from retrieval_operator.runtime.kopf_gaps import Login, NoDiffs, Trim
from retrieval_operator.runtime.places import Scope

_PAGE = 500
"""Objects in one answer of a listing, as the official clients have it."""
_CONNECT_TIMEOUT_S = 10
_REQUEST_TIMEOUT_S = 60
_RETRIES_S = (0.5, 1, 2, 4)
_LINGER_S = 0.5
"""How long kopf's worker of one object waits for further events, and holds what it had last."""
_IDENTITY = "operator"


class Sink(Protocol):
    """Who is told; called in the run's thread."""

    def heard(self) -> None:
        """The server has answered a request of the watch."""

    def collected(self, path: str) -> None:
        """A collection is listed, for the first time or anew."""

    def happened(self, kind: Kind, document: Document, how: str | None) -> None:
        """An event; `how` is ADDED, MODIFIED, DELETED, or None for an object of a listing."""


class Reflector:
    """A started run; `ended` holds its exception, or None where it was asked to stop."""

    def __init__(
        self, scope: Scope, configuration: Any, sink: Sink, trim: Trim, silence_s: float
    ) -> None:
        self.ended: Future[None] = Future()
        self._scope = scope
        self._registry = _registry(scope, Login(configuration, sink, scope.kinds, trim), sink)
        self._settings = _settings(scope, silence_s)
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
        except BaseException as error:  # noqa: BLE001 - whatever ended it, another one is started
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
            settings=self._settings,
            namespaces=namespaces,
            clusterwide=not namespaces,
            standalone=True,
            identity=_IDENTITY,  # kopf asks for the user's name otherwise, and not every id has one
            stop_flag=self._flag,
        )


def _registry(scope: Scope, login: Login, sink: Sink) -> Any:
    registry = kopf.OperatorRegistry()
    kopf.on.login(registry=registry, id="session")(login.__call__)
    for kind in scope.kinds:
        _follow_kind(registry, kind, sink)
    return registry


def _follow_kind(registry: Any, kind: Kind, sink: Sink) -> None:
    async def happened(event: Any, **_: Any) -> None:
        sink.happened(kind, event["object"], event["type"])

    where = (kind.group, kind.version, kind.plural)
    kopf.on.event(*where, id=f"{kind.plural}-happened", registry=registry)(happened)


def _settings(scope: Scope, silence_s: float) -> Any:
    settings = kopf.OperatorSettings()
    settings.posting.enabled = False
    settings.scanning.disabled = True  # the informer looks which kinds are served
    settings.peering.standalone = True
    settings.persistence.diffbase_storage = NoDiffs()
    settings.queueing.idle_timeout = _LINGER_S
    settings.process.ultimate_exiting_timeout = None
    settings.watching.chunk_size = _PAGE
    settings.watching.server_timeout = int(silence_s)
    settings.watching.client_timeout = silence_s + _CONNECT_TIMEOUT_S
    settings.watching.inactivity_timeout = silence_s
    settings.watching.connect_timeout = _CONNECT_TIMEOUT_S
    settings.networking.request_timeout = _REQUEST_TIMEOUT_S
    settings.networking.connect_timeout = _CONNECT_TIMEOUT_S
    settings.networking.error_backoffs = _RETRIES_S
    for kind, labels in scope.labels:
        settings.watching.label_selectors[kind.group, kind.version, kind.plural] = labels
    return settings
