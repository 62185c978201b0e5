"""Who belongs to this predictor: each process signs a list that any of them can read."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

WORKER = "api"
"""The part of an API worker."""

_FOLDER = "processes"
_PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Member:
    """A living process: its part, its id and its resident memory."""

    part: str
    pid: int
    resident_bytes: int


def sign(runtime_dir: Path, part: str) -> None:
    """Put this process on the list under its part: supervisor, api or engine."""
    folder = runtime_dir / _FOLDER
    folder.mkdir(exist_ok=True)
    (folder / f"{part}-{os.getpid()}").touch()


def beat(runtime_dir: Path, part: str) -> None:
    """Show that this process still gets things done; it must have signed."""
    os.utime(runtime_dir / _FOLDER / f"{part}-{os.getpid()}")


def mark_ready(socket: Path) -> None:
    """Say that the engine behind this socket is ready, for whoever wonders after its end."""
    with contextlib.suppress(OSError):  # a full disk
        socket.with_suffix(".ready").touch()


def was_ready(socket: Path) -> bool:
    """Whether the engine behind this socket has been ready since `forget_ready`."""
    return socket.with_suffix(".ready").exists()


def forget_ready(socket: Path) -> None:
    """Another engine is about to open this socket."""
    socket.with_suffix(".ready").unlink(missing_ok=True)


def last_beat_ns(runtime_dir: Path, part: str, pid: int) -> int:
    """When a process signed or last beat, by the file system's clock; 0 where it has not signed."""
    try:
        return (runtime_dir / _FOLDER / f"{part}-{pid}").stat().st_mtime_ns
    except OSError:
        return 0


def strike_dead(runtime_dir: Path) -> Iterator[int]:
    """Take the processes that have died off the list; gives their ids."""
    for entry in sorted((runtime_dir / _FOLDER).glob("*-*")):
        pid = int(entry.name.rpartition("-")[2])
        if _resident_bytes(pid) is None:
            entry.unlink(missing_ok=True)
            yield pid


def die_with_parent() -> None:
    """Be killed when the parent process dies, however it dies (prctl(2), PR_SET_PDEATHSIG)."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def members(runtime_dir: Path) -> Iterator[Member]:
    """Every signed process that still lives."""
    for entry in sorted((runtime_dir / _FOLDER).glob("*-*")):
        part, _, pid = entry.name.rpartition("-")
        resident_bytes = _resident_bytes(int(pid))
        if resident_bytes is not None:
            yield Member(part, int(pid), resident_bytes)


def _resident_bytes(pid: int) -> int | None:
    """Resident memory by proc(5)'s statm, whose second number counts pages."""
    try:
        pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    except (OSError, IndexError):
        return None
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
