"""Run the API workers: `python -m retrieval_predictor.edge`. Started by the supervisor."""

from __future__ import annotations

import asyncio
import math

import kserve
import uvloop

from retrieval_predictor.edge.app import install, quieten
from retrieval_predictor.edge.frontend import frontend
from retrieval_predictor.edge.grpc_server import GrpcServer
from retrieval_predictor.edge.model import RetrievalModel
from retrieval_predictor.edge.patience import be_patient
from retrieval_predictor.wire import processes


def main() -> None:
    """Serve until SIGTERM, then finish what is in flight."""
    processes.die_with_parent()
    settings = frontend().settings
    asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    asyncio.set_event_loop(asyncio.new_event_loop())  # KServe asks for one before it runs
    install()
    be_patient()
    server = kserve.ModelServer(
        http_port=settings.http_port,
        enable_grpc=False,
        workers=settings.workers,
        enable_latency_logging=False,
        grace_period=math.ceil(settings.drain_timeout_s),
    )
    server._grpc_server = GrpcServer(frontend())  # noqa: SLF001  (what KServe stops when it stops)
    server.servers.append(server._grpc_server.start())  # noqa: SLF001
    quieten()
    processes.sign(settings.runtime_dir, "api")
    server.start([RetrievalModel(settings.name)])


if __name__ == "__main__":
    main()
