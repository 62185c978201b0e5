"""The facts about this machine and this moment that a figure means nothing without."""

from __future__ import annotations

import os
import platform
import shlex
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import psutil

from retrieval_bench import __version__
from retrieval_bench.results import Conditions

_HIDDEN = ("--header",)
"""Options whose values may hold keys."""


def conditions(arguments: Sequence[str]) -> Conditions:
    """The conditions of a command that begins now."""
    return Conditions(
        date=datetime.now(UTC).isoformat(timespec="seconds"),
        command=command(arguments),
        bench_version=__version__,
        host=platform.node(),
        platform=platform.platform(),
        cpu=_cpu(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=psutil.virtual_memory().total,
        python=platform.python_version(),
        load_average=os.getloadavg()[0],
    )


def command(arguments: Sequence[str]) -> str:
    """The command line as it could be typed again, with the values of headers left out."""
    words = ["retrieval-bench"]
    for before, word in zip(["", *arguments], arguments, strict=False):
        name, equals, _ = word.partition("=")
        hidden = f"{name}=HIDDEN" if equals and name in _HIDDEN else word
        words.append("HIDDEN" if before in _HIDDEN else hidden)
    return shlex.join(words)


def _cpu() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
