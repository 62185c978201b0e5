"""Processes, threads, cores and main memory beside the device. Pure."""

from __future__ import annotations

from dataclasses import replace
from math import ceil
from typing import Final

from retrieval_operator.plan.ask import Ask
from retrieval_operator.plan.footprint import HOST_MEMORY_STEP_BYTES
from retrieval_operator.plan.place import CpuPlace, GpuPlace
from retrieval_operator.plan.result import Budget, By, Decision
from retrieval_operator.plan.sizes import round_up
from retrieval_operator.spec.choices import ComponentName, Profile

WORKER_TOKENS_S: Final = 500_000
"""Tokens that one core makes of long documents: 512 k (`bench/request_cost.py`)."""
REQUEST_S: Final = 0.65e-3
"""Reading a short request, tokenising it and answering it on one core.

Measured: 0.56 to 0.66 ms for one vector of 1024 numbers on cores of an AMD EPYC, also while others
keep them busy (`bench/overhead.py`, `bench/request_cost.py`).
"""
CONNECTION_S: Final = 0.13e-3
"""What a connection of its own adds to a request (`bench/request_cost.py`)."""
WORKER_REQUESTS_S: Final = 1500
"""Short requests that one worker answers on connections that are kept: 1 ÷ `REQUEST_S`."""
PLANNED_REQUESTS_S: Final = 4500
"""Short requests a pod is given workers for; a device may be able to do more."""
MOST_WORKERS: Final = 8
_CPU_CORES: Final = {Profile.LATENCY: 4, Profile.BALANCED: 4, Profile.THROUGHPUT: 8}
_STEP_MILLICORES: Final = 100
_SET: Final = "set in the object"


def workers(ask: Ask, tokens_s: float, texts_s: float, most: int) -> Decision[int]:
    """API worker processes: as many as keep the device busy, at most `most`."""
    if ask.workers is not None:
        return Decision(ask.workers, By.SET, _SET)
    by_tokens = ceil(tokens_s / WORKER_TOKENS_S)
    by_requests = ceil(min(texts_s, PLANNED_REQUESTS_S) / WORKER_REQUESTS_S)
    counts_requests = ask.component is ComponentName.EMBEDDER and (
        ask.profile is not Profile.THROUGHPUT
    )
    wanted = max(1, by_tokens, by_requests if counts_requests else 0)
    allowed = max(1, min(most, MOST_WORKERS))
    if wanted > allowed:
        return Decision(
            allowed, By.PLANNED, f"what the cores allow; {wanted} would fill the device"
        )
    if counts_requests and wanted > by_tokens:
        return Decision(wanted, By.PLANNED, f"each answers {WORKER_REQUESTS_S} short requests/s")
    why = f"each tokenises {_rate(WORKER_TOKENS_S)} tokens/s, the device takes {_rate(tokens_s)}"
    return Decision(wanted, By.PLANNED, why)


def gpu_cores(ask: Ask, place: GpuPlace, worker_count: int) -> Decision[int]:
    """Thousandths of a core for a pod with GPUs: the workers, and one for each engine."""
    asked = ask.cpu_limit_millicores or ask.cpu_request_millicores
    if asked is not None:
        return Decision(asked, By.SET, _SET)
    wanted = (worker_count + place.count) * 1000
    if place.host_millicores is not None and place.host_millicores < wanted:
        return Decision(place.host_millicores, By.PLANNED, "the node's cores divided by its GPUs")
    kernels = "one that launches" if place.count == 1 else f"{place.count} that launch"
    return Decision(wanted, By.PLANNED, f"one for each API worker, {kernels} kernels")


def gpu_worker_room(ask: Ask, place: GpuPlace) -> int:
    """How many workers the cores beside a GPU have room for."""
    asked = ask.cpu_limit_millicores or ask.cpu_request_millicores
    millicores = asked if asked is not None else place.host_millicores
    return MOST_WORKERS if millicores is None else max(1, millicores // 1000 - place.count)


def cpu_cores(ask: Ask, place: CpuPlace) -> Decision[int]:
    """Thousandths of a core for a pod that computes on the CPU."""
    asked = ask.cpu_limit_millicores or ask.cpu_request_millicores
    if asked is not None:
        return Decision(asked, By.SET, _SET)
    if place.takes_all and place.millicores is not None:
        return Decision(place.millicores, By.PLANNED, f"all that {place.basis} may use")
    wanted = _CPU_CORES[ask.profile] * 1000
    if place.millicores is not None and place.millicores < wanted:
        left = max(_STEP_MILLICORES, place.millicores // _STEP_MILLICORES * _STEP_MILLICORES)
        return Decision(left, By.PLANNED, "what DaemonSets leave of the largest node")
    return Decision(wanted, By.PLANNED, f"for profile {ask.profile.value}; set resources for more")


def cpu_request(ask: Ask, cores: Decision[int]) -> Decision[int]:
    """Thousandths of a core that the scheduler keeps for a pod.

    Half of what it may use on a CPU, so that both components fit on a node and each computes on all
    of its cores while the other has nothing to do; all of it beside a GPU, which waits for them.
    """
    if ask.cpu_request_millicores is not None:
        return Decision(ask.cpu_request_millicores, By.SET, _SET)
    if ask.gpu is not None or cores.by is By.SET:
        return replace(cores, why="all that the pod may use")
    return Decision(
        cores.value // 2, By.PLANNED, "half of the limit: two pods share a node's cores"
    )


def gpu_threads() -> Decision[int]:
    """Compute threads of an engine whose work is on the GPU."""
    return Decision(1, By.PLANNED, "the GPU computes; one thread launches its kernels")


def cpu_worker_room(cores_millis: int) -> int:
    """How many workers CPU cores have room for beside the engine: a quarter of them."""
    return max(1, cores_millis // 4000)


def cpu_threads(cores_millis: int, worker_count: int) -> Decision[int]:
    """Compute threads of the engine: the cores that the workers leave."""
    cores = max(1, cores_millis // 1000)
    if cores <= 2:
        return Decision(cores, By.PLANNED, "all cores: with two, workers and engine take turns")
    threads = max(1, cores - worker_count)
    return Decision(threads, By.PLANNED, "the cores that the API workers leave")


def pod_memory(ask: Ask, budget: Budget) -> Decision[int]:
    """Main memory of the pod, request and limit alike."""
    if ask.memory_limit_bytes is not None:
        return Decision(ask.memory_limit_bytes, By.SET, _SET)
    needed = round_up(budget.total_bytes, HOST_MEMORY_STEP_BYTES)
    if budget.available_bytes is not None:
        needed = min(needed, budget.available_bytes)
    if ask.memory_request_bytes is not None and ask.memory_request_bytes >= needed:
        return Decision(ask.memory_request_bytes, By.SET, _SET)
    return Decision(needed, By.PLANNED, "the total below, in steps of 256 Mi")


def _rate(tokens_s: float) -> str:
    return f"{tokens_s / 1e6:.2f} M" if tokens_s >= 1e6 else f"{tokens_s / 1e3:.0f} k"
