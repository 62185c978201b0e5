"""Leave a worker alone while it lives.

KServe's parent asks each worker for a word every half second, blocks its own loop for up to five
seconds, and kills who has not answered: also a worker that is still importing, which on a busy
node takes longer, so that no worker ever comes up (kserve 0.20, RESTServerProcess.is_alive).
"""

from __future__ import annotations

from kserve.protocol.rest.multiprocess.server import RESTServerProcess


def be_patient() -> None:
    """Have KServe's parent replace only workers that have ended."""
    RESTServerProcess.is_alive = _has_not_ended


def _has_not_ended(worker: RESTServerProcess, timeout_s: float = 0.0) -> bool:
    del timeout_s
    alive: bool = worker._process.is_alive()  # noqa: SLF001
    return alive
