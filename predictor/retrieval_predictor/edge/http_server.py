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

_KEEP_ALIVE_S = 65
"""Longer than proxies keep idle connections (Envoy and most load balancers: 60 s), so that they do
not send into one that is being closed."""


class HttpServer:
    """The HTTP server of one worker; `listener` may be shared with others."""

    def __init__(self, front: Frontend, application: ASGIApp, listener: socket) -> None:
        config = uvicorn.Config(
            application,
            http="httptools",
            ws="none",
            lifespan="off",
            interface="asgi3",
            log_config=None,
            timeout_keep_alive=_KEEP_ALIVE_S,
            timeout_graceful_shutdown=math.ceil(front.settings.drain_timeout_s),
        )
        self._listener = listener
        self._server = _Uvicorn(config)
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take connections from now on."""
        self._serving = asyncio.create_task(self._server.serve(sockets=[self._listener]))

    async def stop(self) -> None:
        """Take no new connections, and give the requests in flight the drain timeout."""
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving


class _Uvicorn(uvicorn.Server):
    """Signals are the worker's, which stops its gRPC server at the same time."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield
