"""CPU seconds and memory of a server's processes on this machine, by the PID of their root.

A tree's CPU time is that of its live processes and of the children they have reaped, which the
kernel adds to the parent. A child that dies unreaped takes its time along; the fall of the sum is
noticed by the next look and added back, so the meter never runs backwards. Resolution: 10 ms.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import psutil

from retrieval_bench.errors import NoSuchProcess


@dataclass(slots=True)
class Meter:
    """Turns a sum that may fall when its parts vanish into one that does not."""

    seen_s: float = 0.0
    vanished_s: float = 0.0

    def read(self, sum_s: float) -> float:
        """What was used so far, given the sum over what is left."""
        self.vanished_s += max(self.seen_s - sum_s, 0.0)
        self.seen_s = sum_s
        return sum_s + self.vanished_s


@dataclass(slots=True)
class ProcessTrees:
    """The processes of one server. Look at them now and then, or what dies between is lost."""

    pids: Sequence[int]
    _meter: Meter = field(default_factory=Meter)

    def cpu_s(self) -> float:
        """CPU seconds, user and system, that the trees have used since they began."""
        return self._meter.read(sum(_cpu_s(process) for process in self._processes()))

    def memory_bytes(self) -> int:
        """Resident memory with shared pages counted once: the sum of the proportional set sizes."""
        return sum(_memory_bytes(process) for process in self._processes())

    def check(self) -> None:
        """Refuse PIDs that do not run.

        Raises:
            NoSuchProcess: One of them does not.
        """
        for pid in self.pids:
            if not psutil.pid_exists(pid):
                raise NoSuchProcess(pid)

    def _processes(self) -> list[psutil.Process]:
        found: dict[int, psutil.Process] = {}
        for pid in self.pids:
            try:
                root = psutil.Process(pid)
                tree = [root, *root.children(recursive=True)]
            except psutil.NoSuchProcess:
                continue
            found.update((process.pid, process) for process in tree)
        return list(found.values())


def _cpu_s(process: psutil.Process) -> float:
    try:
        return sum(process.cpu_times()[:4])
    except psutil.NoSuchProcess:
        return 0.0


def _memory_bytes(process: psutil.Process) -> int:
    try:
        return int(process.memory_full_info().pss)
    except psutil.NoSuchProcess:
        return 0
    except (psutil.AccessDenied, AttributeError):
        return int(process.memory_info().rss)
