"""The files in which the processes of a predictor count, so that any of them can show the sums.

prometheus_client keeps a memory-mapped file a process and kind (its multiprocess mode). A mapped
page that the disk has no room for kills the process that writes it (mmap(2), SIGBUS), so each
process takes the room first and counts in memory alone where there is none. What a process counted
outlives it: its files are added to those of number 0, which keeps their number small.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

import structlog
from prometheus_client.mmap_dict import MmapedDict

log = structlog.get_logger(__name__)

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
_FILE_BYTES = 1 << 16
"""What prometheus_client starts a file with; all our metrics with all their labels take half."""

_SUMS = ("counter", "histogram")
_GAUGES = ("gauge_livemax", "gauge_livesum")
_LOCK = "lock"


def reserve(folder: Path) -> bool:
    """Take the disk space that this process needs to count; false where there is none."""
    names = [f"{kind}_{os.getpid()}.db" for kind in (*_SUMS, *_GAUGES)]
    try:
        for name in names:
            _allocate(folder / name)
    except OSError as error:
        for name in names:
            (folder / name).unlink(missing_ok=True)
        log.warning("metrics_lost", pid=os.getpid(), cause=os.strerror(error.errno or 0))
        return False
    return True


def _allocate(path: Path) -> None:
    with path.open("ab") as file:
        os.posix_fallocate(file.fileno(), 0, _FILE_BYTES)


def bury(folder: Path, pid: int) -> None:
    """Keep what a dead process counted and drop its gauges."""
    with locked(folder, fcntl.LOCK_EX):
        for kind in _GAUGES:
            (folder / f"{kind}_{pid}.db").unlink(missing_ok=True)
        for kind in _SUMS:
            dead, sums = (folder / f"{kind}_{number}.db" for number in (pid, 0))
            if dead.exists() and (sums.exists() or _has_room(sums)):
                try:
                    _add(dead, sums)
                except Exception as error:  # noqa: BLE001  (written to half; nobody could read it)
                    log.warning("metrics_lost", pid=pid, cause=type(error).__name__)
                dead.unlink()


def _has_room(path: Path) -> bool:
    try:
        _allocate(path)
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


def _add(dead: Path, sums: Path) -> None:
    counted = [*MmapedDict.read_all_values_from_file(str(dead))]  # type: ignore[no-untyped-call]
    with contextlib.closing(MmapedDict(str(sums))) as total:  # type: ignore[no-untyped-call]
        for key, value, _, _ in counted:
            before, _ = total.read_value(key)  # type: ignore[no-untyped-call]
            total.write_value(key, before + value, 0.0)  # type: ignore[no-untyped-call]


@contextlib.contextmanager
def locked(folder: Path, mode: int = fcntl.LOCK_SH) -> Iterator[None]:
    """Nobody is buried while this is held to read, nobody reads while it is held to bury."""
    with (folder / _LOCK).open("a") as file:
        fcntl.flock(file, mode)
        yield
