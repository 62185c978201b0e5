"""The machine this process runs on, as an inventory of one node. The only part that asks it.

Cores are those the process may use: its CPU affinity, cut to the cgroup's quota. Memory is what the
machine has, cut to the cgroup's limit. GPUs are those that nvidia-smi lists.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from retrieval_operator.inventory.node import Inventory, Node, Origin
from retrieval_operator.inventory.offers import CPU_FEATURES, WHOLE_GPU

_QUERY: Final = "--query-gpu=name,memory.total,compute_cap"
_FORMAT: Final = "--format=csv,noheader,nounits"
_SMI_TIMEOUT_S: Final = 10
_UNLIMITED_BYTES: Final = 2**60
"""cgroup v1 writes a number near 2⁶³ for "no limit"."""


@dataclass(frozen=True, slots=True)
class MachineFiles:
    """What the kernel says, as text; empty where a file does not exist."""

    cpuinfo: str = ""
    meminfo: str = ""
    quota: str = ""
    memory_limit: str = ""
    gpus: str = ""


def this_machine() -> Inventory:
    """The inventory of the machine this process runs on."""
    return inventory_of(_read(), len(os.sched_getaffinity(0)))


def inventory_of(files: MachineFiles, cores: int) -> Inventory:
    """The inventory that these texts and this number of usable cores describe. Pure."""
    gpus = _gpu_labels(files.gpus)
    node = Node(
        name="this machine",
        labels=_cpu_labels(files.cpuinfo) | gpus,
        millicores=_millicores(files.quota, cores),
        memory_bytes=_memory_bytes(files.meminfo, files.memory_limit),
        devices={WHOLE_GPU: int(gpus[f"{WHOLE_GPU}.count"])} if gpus else {},
    )
    return Inventory((node,), Origin.MACHINE)


def _read() -> MachineFiles:
    return MachineFiles(
        cpuinfo=_text(Path("/proc/cpuinfo")),
        meminfo=_text(Path("/proc/meminfo")),
        quota=_first(_cgroup("cpu", "cpu.max")) or _v1_quota(),
        memory_limit=_first(_cgroup("memory", "memory.max", "memory.limit_in_bytes")),
        gpus=_nvidia_smi(),
    )


def _cgroup(controller: str, *names: str) -> Iterable[Path]:
    """Where a controller's file lies: cgroup v2, its own group first, then v1."""
    own = ""
    for line in _text(Path("/proc/self/cgroup")).splitlines():
        number, _, path = line.partition(":")
        own = path.partition(":")[2] if number == "0" else own
    root = Path("/sys/fs/cgroup")
    for folder in (root / own.lstrip("/"), root, root / controller):
        yield from (folder / name for name in names)


def _first(paths: Iterable[Path]) -> str:
    return next(filter(None, map(_text, paths)), "")


def _v1_quota() -> str:
    paths = ("cpu.cfs_quota_us", "cpu.cfs_period_us")
    quota, period = (_text(Path("/sys/fs/cgroup/cpu") / name).strip() for name in paths)
    return f"{quota} {period}" if quota and period and not quota.startswith("-") else ""


def _text(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def _nvidia_smi() -> str:
    program = shutil.which("nvidia-smi")
    if program is None:
        return ""
    command = [program, _QUERY, _FORMAT]
    try:
        done = subprocess.run(  # noqa: S603 - a fixed command of the driver
            command, capture_output=True, text=True, timeout=_SMI_TIMEOUT_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout if done.returncode == 0 else ""


def _millicores(quota: str, cores: int) -> int:
    allowed, _, period = quota.strip().partition(" ")
    if not (allowed.isdigit() and period.isdigit() and int(period)):
        return cores * 1000
    return max(1, min(cores * 1000, int(allowed) * 1000 // int(period)))


def _memory_bytes(meminfo: str, limit: str) -> int | None:
    total = next((line.split() for line in meminfo.splitlines() if line.startswith("MemTotal")), [])
    amounts = [int(total[1]) * 1024] if len(total) > 1 and total[1].isdigit() else []
    if limit.strip().isdigit() and int(limit) < _UNLIMITED_BYTES:
        amounts.append(int(limit))
    return min(amounts, default=None)


def _cpu_labels(cpuinfo: str) -> dict[str, str]:
    line = next((line for line in cpuinfo.splitlines() if line.startswith("flags")), "")
    flags = set(line.partition(":")[2].split())
    prefix = "feature.node.kubernetes.io/cpu-cpuid."
    return {prefix + cpuid: "true" for cpuid, flag in CPU_FEATURES.items() if flag in flags}


def _gpu_labels(listing: str) -> dict[str, str]:
    """Labels as GPU Feature Discovery would write them; the smallest GPU stands for all."""
    gpus = [fields for line in listing.splitlines() if len(fields := line.split(",")) == 3]
    rows = [[field.strip() for field in gpu] for gpu in gpus]
    usable = [row for row in rows if row[1].isdigit()]
    if not usable:
        return {}
    name, memory, capability = min(usable, key=lambda row: int(row[1]))
    major, _, minor = capability.partition(".")
    return {
        f"{WHOLE_GPU}.product": "-".join(name.split()),
        f"{WHOLE_GPU}.memory": memory,
        f"{WHOLE_GPU}.count": str(len(usable)),
        f"{WHOLE_GPU}.compute.major": major,
        f"{WHOLE_GPU}.compute.minor": minor or "0",
    }
