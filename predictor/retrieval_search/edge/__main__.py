"""Run one API worker: `python -m retrieval_search.edge SOCKET`. Started by the supervisor.

The socket is the number of a listening one that all workers inherit; the kernel gives each
connection to a worker that waits for one.
"""

from __future__ import annotations

import math
import os
import signal
import socket
import sys

import uvicorn

from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.wire import processes
from retrieval_search.edge.app import application
from retrieval_search.edge.frontend import build
from retrieval_search.settings import Settings

_BACKLOG = 2048


def main() -> None:
    """Serve until SIGTERM, then finish what is in flight."""
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level, is_discreet=True)
    processes.die_with_parent()
    processes.sign(settings.runtime_dir, "api")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the supervisor decides
    config = uvicorn.Config(
        application(build(settings)),
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        backlog=_BACKLOG,
        timeout_graceful_shutdown=math.ceil(settings.drain_timeout_s),
    )
    listening = socket.socket(fileno=os.dup(int(sys.argv[1])))
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
