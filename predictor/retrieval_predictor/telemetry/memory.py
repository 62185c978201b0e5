"""How much memory the model's process holds, on the device it uses."""

from __future__ import annotations

import ctypes
import sys
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")


@dataclass(frozen=True, slots=True)
class DeviceMemory:
    """Bytes of a GPU: by PyTorch's allocator for this process, and what the device has.

    `used_bytes` is what the driver says is taken: allocator, CUDA context, and whoever shares.
    """

    allocated_bytes: int
    reserved_bytes: int
    used_bytes: int
    total_bytes: int


def device_memory() -> DeviceMemory | None:
    """The GPU's memory now; None on a CPU."""
    torch = sys.modules.get("torch")  # a process that has not imported it uses no GPU
    cuda = getattr(torch, "cuda", None)  # another thread may be importing it now
    if cuda is None or not getattr(cuda, "is_initialized", bool)():
        return None
    free_bytes, total_bytes = cuda.mem_get_info()
    return DeviceMemory(
        allocated_bytes=cuda.memory_allocated(),
        reserved_bytes=cuda.memory_reserved(),
        used_bytes=total_bytes - free_bytes,
        total_bytes=total_bytes,
    )


def peak_memory_bytes() -> int:
    """What the largest batch left taken: of the GPU where there is one, else resident (proc(5)).

    PyTorch's allocator gives nothing back by itself, so what is taken after a batch is its peak.
    """
    memory = device_memory()
    if memory is not None:
        return memory.used_bytes
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("/proc/self/status has no VmHWM; proc(5) says it has")


def trim() -> None:
    """Give the system back what the C library keeps of freed memory, where it can.

    Batches differ in size, so what one leaves is in pieces that the next does not fit, and each
    thread that computes has a heap of its own: without this an engine grows for hours though
    nothing is lost. Source: malloc_trim(3), glibc 2.8 and later.
    """
    library = ctypes.CDLL(None)
    if hasattr(library, "malloc_trim"):
        library.malloc_trim(0)
