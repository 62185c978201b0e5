"""A server process of a test: started with a log file, waited for, and always stopped."""

from __future__ import annotations

import ctypes
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

_STOP_LIMIT_S = 15.0
_POLL_S = 0.05
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)


@contextmanager
def running(
    program: Path, arguments: Sequence[str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    """A process for the length of a `with` block; it also dies with the test run."""
    with (
        log.open("wb") as output,
        subprocess.Popen(
            [program, *arguments],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            preexec_fn=_die_with_parent,  # noqa: PLW1509 - fixtures start servers before any thread
        ) as process,
    ):
        try:
            yield process
        finally:
            stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a process by its id, politely first."""
    process.terminate()
    try:
        process.wait(_STOP_LIMIT_S)
    except subprocess.TimeoutExpired:
        process.kill()


def wait_until(
    is_ready: Callable[[], bool],
    process: subprocess.Popen[bytes],
    log: Path,
    limit_s: float = 90.0,
) -> None:
    """Return once `is_ready`; raise with the end of the log if the process dies or is too slow."""
    deadline_s = time.monotonic() + limit_s
    while not is_ready():
        if process.poll() is not None or time.monotonic() > deadline_s:
            tail = log.read_text(errors="replace")[-3000:]
            raise RuntimeError(f"{log.stem} is not ready after {limit_s:.0f} s or died:\n{tail}")
        time.sleep(_POLL_S)


def free_port() -> int:
    """A port on 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _die_with_parent() -> None:
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
