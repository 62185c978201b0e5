"""uvicorn on a socket that is given, started and stopped by the worker and not by signals."""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections.abc import Iterator
from socket import socket

import uvicorn
from starlette.types import ASGIApp

from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.timed_protocol import TimedProtocol, let_slow_clients_go

_KEEP_ALIVE_S = 65
"""Longer than proxies keep idle connections (Envoy and most load balancers: 60 s), so that they do
not send into one that is being closed."""


class HttpServer:
    """The HTTP server of one worker; `listener` may be shared with others."""

    def __init__(self, front: Frontend, application: ASGIApp, listener: socket) -> None:
        config = uvicorn.Config(
            application,
            http=TimedProtocol,
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(front.settings.drain_timeout_s),
        )
        self._limits = front.settings.limits
        self._listener = listener
        self._server = _Uvicorn(config)
        self._tasks: tuple[asyncio.Task[None], ...] = ()

    async def start(self) -> None:
        """Take connections from now on."""
        connections = self._server.server_state.connections
        timeouts_s = self._limits.head_timeout_s, self._limits.answer_timeout_s
        looking = asyncio.create_task(let_slow_clients_go(connections, *timeouts_s))
        serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))
        self._tasks = serving, looking

    async def stop(self) -> None:
        """Take no new connections, and give the requests in flight the drain timeout."""
        self._server.should_exit = True
        serving, looking = self._tasks
        await serving
        looking.cancel()


class _Uvicorn(uvicorn.Server):
    """Signals are the worker's, which stops its gRPC server at the same time."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield
