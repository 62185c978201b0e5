"""Memory that does not follow from a model's sizes: measured constants, each with its source.

Kept together so that a new measurement changes one file.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MIB: Final = 2**20


@dataclass(frozen=True, slots=True)
class Measured:
    """An amount that was measured, and on what."""

    bytes: int
    basis: str


@dataclass(frozen=True, slots=True)
class Reserve:
    """Memory that is planned to stay free: a fixed part and a share of everything else."""

    fixed_bytes: int
    share: float
    basis: str


_FIELD_REPORT: Final = "bge-large, RTX 4090, nvidia-smi"

CUDA_CONTEXT: Final = Measured(
    690 * MIB,
    f"CUDA context and kernels: 1932 MiB loaded − 1242 MiB weights ({_FIELD_REPORT})",
)
CUDA_WORKSPACES: Final = Measured(
    380 * MIB,
    f"cuBLAS workspaces and late kernels: 2312 − 1932 MiB after first use ({_FIELD_REPORT})",
)
GPU_HOST_RUNTIME: Final = Measured(
    2083 * MIB,
    "Python, torch and CUDA libraries: 3325 MiB RSS − 1242 MiB weights (bge-large, RTX 4090)",
)
CPU_ENGINE_RUNTIME: Final = Measured(
    825 * MIB,
    "Python, torch and transformers: 928 MiB RSS − 103 MiB weights and batch (all-MiniLM-L6-v2)",
)
CPU_SLOT: Final = Measured(
    64 * MIB,
    "free pieces in a thread's heap: 728 MiB with two slots − 666 with one (all-MiniLM-L6-v2)",
)
API_PROCESS: Final = Measured(160 * MIB, "159 MiB RSS each after use")
WORKER_HELD: Final = Measured(64 * MIB, "64 MiB of bodies and answers in hand")
SUPERVISOR: Final = Measured(60 * MIB, "supervisor: 59 MiB RSS")
RESULT_CACHE: Final = Measured(64 * MIB, "rows of texts computed before, when it is full")
QUEUED_TOKEN: Final = Measured(64, "text, ids and bookkeeping of one waiting token")

GPU_HEADROOM: Final = Reserve(
    256 * MIB, 0.05, "what the driver keeps of the reported memory, and the allocator's rounding"
)
HOST_HEADROOM: Final = Reserve(
    256 * MIB, 0.10, "page cache, allocator fragmentation and large request bodies"
)
HOST_MEMORY_STEP_BYTES: Final = 256 * MIB
"""Memory requests are whole multiples of this, so that a small change of plan restarts nothing."""
