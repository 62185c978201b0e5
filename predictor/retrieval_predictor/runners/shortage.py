"""Whether an error means that memory ran out, whoever asked for it.

PyTorch's allocator has a class for it. Pinned memory, kernels that are loaded when first used,
cuBLAS and cuDNN report it in other ways, and a CPU's allocator as a plain RuntimeError. Classes go
by their names here: a process that computes without PyTorch does not import it for its errors.
"""

from __future__ import annotations

_MEMORY_ALLOCATION = 2
"""cudaErrorMemoryAllocation (CUDA Runtime API, "Data types used by CUDA Runtime")."""

_WORDS = (
    "out of memory",
    "can't allocate memory",
    "not enough memory",
    "CUBLAS_STATUS_ALLOC_FAILED",
    "CUDNN_STATUS_ALLOC_FAILED",
    "bad_alloc",
)
"""What PyTorch's own messages say (c10/core/impl/alloc_cpu.cpp, aten/src/ATen/cuda/Exceptions.h),
and C++'s; a text of a user's is never part of one."""


def is_shortage(error: BaseException) -> bool:
    """Whether memory ran out, of the device or of the machine."""
    name = type(error).__name__
    if isinstance(error, MemoryError) or name == "OutOfMemoryError":
        return True
    if name == "AcceleratorError":
        return getattr(error, "error_code", None) == _MEMORY_ALLOCATION
    return isinstance(error, RuntimeError) and any(word in str(error) for word in _WORDS)
