"""A container's memory limit and all its processes, through cgroups 1 or 2."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")
_PARENT = "retrieval-agent"
_ATTEMPTS, _PAUSE_S = 50, 0.02


class Cgroup:
    """One container's control group, made at once; `close` removes it."""

    def __init__(self, name: str, memory_bytes: int | None) -> None:
        self._is_v2 = (_ROOT / "cgroup.controllers").exists()
        parent = (_ROOT if self._is_v2 else _ROOT / "memory") / _PARENT
        self.folder = parent / name
        self.folder.mkdir(parents=True, exist_ok=True)
        if self._is_v2:
            for folder in (_ROOT, parent):
                (folder / "cgroup.subtree_control").write_text("+memory")
        if memory_bytes:
            limit = "memory.max" if self._is_v2 else "memory.limit_in_bytes"
            (self.folder / limit).write_text(str(memory_bytes))

    @property
    def members(self) -> Path:
        """The file that a process writes its id to, to join."""
        return self.folder / "cgroup.procs"

    @property
    def was_out_of_memory(self) -> bool:
        """Whether the kernel killed one of its processes for its memory."""
        file = "memory.events" if self._is_v2 else "memory.oom_control"
        words = (self.folder / file).read_text().split()
        return words[words.index("oom_kill") + 1] != "0"

    def kill(self) -> None:
        """End every process in it, whatever session or group it moved to."""
        for pid in self.members.read_text().split():
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), signal.SIGKILL)

    async def close(self) -> None:
        """Remove it as soon as the kernel has let go of the last process."""
        for _ in range(_ATTEMPTS):
            with contextlib.suppress(OSError):
                self.folder.rmdir()
                return
            await asyncio.sleep(_PAUSE_S)


def sweep(prefix: str) -> None:
    """Remove what a killed agent left whose groups' names begin so."""
    for parent in (_ROOT / _PARENT, _ROOT / "memory" / _PARENT):
        for folder in parent.glob(f"{prefix}-*/"):
            with contextlib.suppress(OSError):
                folder.rmdir()
