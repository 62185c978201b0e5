"""How busy the GPUs of this machine are, by `nvidia-smi`, if there is one.

Utilisation is the share of time in which some kernel ran, which says that the GPU was not idle and
not that it was full. A look a second is the most, for looking takes CPU from what is measured.

Source: nvidia-smi --help-query-gpu (utilization.gpu, memory.used in MiB).
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass

_QUERY = "--query-gpu=index,name,utilization.gpu,memory.used"


@dataclass(frozen=True, slots=True)
class GpuUse:
    """One GPU during a load: mean utilisation from 0 to 1, and its highest memory in use."""

    index: int
    name: str
    busy_ratio: float
    memory_bytes: int


@contextlib.contextmanager
def watch() -> Iterator[Callable[[], tuple[GpuUse, ...]]]:
    """Look at every GPU once a second; what is yielded tells the use so far, empty without GPU."""
    program = shutil.which("nvidia-smi")
    if program is None:
        yield tuple
        return
    with tempfile.TemporaryFile() as lines:
        command = [program, _QUERY, "--format=csv,noheader,nounits", "--loop=1"]
        process = subprocess.Popen(command, stdout=lines, stderr=subprocess.DEVNULL)  # noqa: S603

        def use() -> tuple[GpuUse, ...]:
            # Unlike read, pread leaves alone the offset that the program shares with us.
            return parse(os.pread(lines.fileno(), os.fstat(lines.fileno()).st_size, 0).decode())

        try:
            yield use
        finally:
            process.terminate()
            process.wait()


def parse(text: str) -> tuple[GpuUse, ...]:
    """The use of each GPU from lines of `index, name, utilisation in %, memory in MiB`.

    Lines that are cut short or lack a figure (`[N/A]`) are left out.
    """
    seen: dict[tuple[int, str], list[tuple[float, int]]] = defaultdict(list)
    for line in text.splitlines():
        match [part.strip() for part in line.split(",")]:
            case [index, name, busy, memory] if (index + busy + memory).isdigit():
                seen[int(index), name].append((int(busy) / 100, int(memory) * 2**20))
    return tuple(
        GpuUse(
            index=index,
            name=name,
            busy_ratio=sum(busy for busy, _ in looks) / len(looks),
            memory_bytes=max(memory for _, memory in looks),
        )
        for (index, name), looks in sorted(seen.items())
    )
