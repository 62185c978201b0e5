"""Run one API worker: `python -m retrieval_predictor.edge [SOCKET]`. Started by the supervisor.

SOCKET is the descriptor of an inherited socket that listens for HTTP; without it the worker opens
one of its own.
"""

from __future__ import annotations

import socket
import sys

from retrieval_predictor.edge.frontend import build
from retrieval_predictor.edge.server import RetrievalModel, Server
from retrieval_predictor.settings import Settings
from retrieval_predictor.wire import ports, processes


def main() -> None:
    """Serve until SIGTERM, then finish what is in flight."""
    processes.die_with_parent()
    front = build(Settings())
    listener = _inherited() or ports.listen(
        front.settings.http_port, has_ipv6=socket.has_dualstack_ipv6()
    )
    Server(front, listener).start([RetrievalModel(front.settings.name)])


def _inherited() -> socket.socket | None:
    return socket.socket(fileno=int(sys.argv[1])) if len(sys.argv) > 1 else None


if __name__ == "__main__":
    main()
