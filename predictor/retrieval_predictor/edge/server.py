"""KServe's model server with this predictor's own HTTP and gRPC servers: the life of an API worker.

Here, and in the modules that read and write the protocol's messages, is all that is used of KServe.
"""

from __future__ import annotations

import asyncio
import logging
import signal
from collections.abc import Sequence
from socket import socket

import kserve
import uvloop

from retrieval_predictor.edge.app import application
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.grpc_server import GrpcServer
from retrieval_predictor.edge.http_server import HttpServer
from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.wire import processes

_HELLO_S = 5.0
"""A new worker takes requests once it knows what every engine does: at once where all are warm.

One that is down is waited for no longer than this, so that a worker is not down because of it.
"""

_BEAT_S = 1.0

_LOUD_LOGGERS = ("kserve", "kserve.trace", "uvicorn", "uvicorn.access", "uvicorn.error")


class RetrievalModel(kserve.Model):  # type: ignore[misc]
    """What KServe registers: a name. Whether it can answer is told by its pages and by gRPC."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True

    def load(self) -> bool:
        """Nothing to do here: the engine loads."""
        return True


class Server(kserve.ModelServer):  # type: ignore[misc]
    """One API worker. `listener` is the HTTP socket that all workers of a predictor share."""

    def __init__(self, front: Frontend, listener: socket) -> None:
        super().__init__(enable_grpc=False, enable_latency_logging=False)
        self._front = front
        self._listener = listener

    def start(self, models: Sequence[kserve.Model]) -> None:
        """Serve until SIGTERM, then finish what is in flight; this is a process's main function."""
        settings = self._front.settings
        configure_logging(settings.log_format, settings.log_level, is_discreet=True)
        _quieten()
        for model in models:
            self.register_model(model)
        uvloop.run(self._serve_and_drain())

    async def _serve_and_drain(self) -> None:
        front, stop = self._front, asyncio.Event()
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
        processes.sign(front.settings.runtime_dir, processes.WORKER)
        beating = asyncio.create_task(_beat(front))
        front.engine.open()
        await front.engine.heard(_HELLO_S)
        http, grpc = HttpServer(front, application(front), self._listener), GrpcServer(front)
        await asyncio.gather(http.start(), grpc.start())
        await stop.wait()
        await asyncio.gather(http.stop(), grpc.stop())
        await front.engine.close()
        if front.tracing is not None:
            await asyncio.to_thread(front.tracing.flush)
        beating.cancel()


async def _beat(front: Frontend) -> None:
    """Show the supervisor that this worker's loop turns."""
    while True:
        await asyncio.sleep(_BEAT_S)
        processes.beat(front.settings.runtime_dir, processes.WORKER)


def _quieten() -> None:
    """Take KServe's and uvicorn's loggers over: no access log, one format, warnings only."""
    logging.captureWarnings(capture=True)
    for name in _LOUD_LOGGERS:
        logger = logging.getLogger(name)
        logger.handlers = []
        logger.propagate = True
        logger.setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").propagate = False  # uvicorn makes lines while one listens
    logging.getLogger("py.warnings").setLevel(logging.ERROR)  # libraries' deprecations
