"""What FAISS's libraries read from the environment when they are loaded.

FAISS brings an OpenBLAS of 2021 that takes CPUs it does not know for ones without AVX; it is told
what they have. What the environment sets already stays.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


def one_thread(environment: Mapping[str, str], flags: frozenset[str]) -> dict[str, str]:
    """What a search needs: one thread, and the kernels of this CPU."""
    threads = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    return _unset(environment, threads) | every_core(environment, flags)


def every_core(environment: Mapping[str, str], flags: frozenset[str]) -> dict[str, str]:
    """What a build needs: the kernels of this CPU, and threads that sleep while they wait."""
    kernels = "SkylakeX" if "avx512f" in flags else "Haswell" if "avx2" in flags else ""
    return _unset(environment, {"OMP_WAIT_POLICY": "PASSIVE", "OPENBLAS_CORETYPE": kernels})


def _unset(environment: Mapping[str, str], wanted: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in wanted.items() if value and name not in environment}


def cpu_flags(path: Path = Path("/proc/cpuinfo")) -> frozenset[str]:
    """The instruction sets of the first CPU, by proc(5); empty where there is no such file."""
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except OSError:
        return frozenset()
    line = next((one for one in lines if one.startswith("flags")), "")
    return frozenset(line.partition(":")[2].split())
