"""How many CPU cores this process may use, by affinity and by quota."""

from __future__ import annotations

import os
from pathlib import Path

_ROOT = Path("/sys/fs/cgroup")


def usable_cores(root: Path = _ROOT, affinity: int | None = None) -> int:
    """Whole cores, one at least: a container's quota counts where it is below the affinity.

    `root` is where the process's own control group is mounted: `cpu.max` in version 2 of cgroups,
    `cpu/cpu.cfs_quota_us` in version 1 (kernel documentation, cgroup-v2 and sched-bwc).
    """
    cores = affinity or len(os.sched_getaffinity(0))
    quota_us, period_us = _quota(root)
    return max(cores if quota_us is None else min(cores, quota_us // period_us), 1)


def _quota(root: Path) -> tuple[int | None, int]:
    """Microseconds of CPU time a period, None for no bound, and the period."""
    if (bounds := _read(root / "cpu.max")) is not None:
        quota, period = bounds.split()
        return (None if quota == "max" else int(quota)), int(period)
    quota_us = int(_read(root / "cpu/cpu.cfs_quota_us") or -1)
    period_us = int(_read(root / "cpu/cpu.cfs_period_us") or 100_000)
    return (None if quota_us < 0 else quota_us), period_us


def _read(path: Path) -> str | None:
    return path.read_text(encoding="ascii").strip() if path.is_file() else None
