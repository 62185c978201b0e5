"""The device's own threads: torch never runs on the loop that reads the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

import torch

from retrieval_predictor.engine.shortage import is_shortage
from retrieval_predictor.errors import DeviceLost, OutOfDeviceMemory
from retrieval_predictor.settings import Settings
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.ragged import Ragged
from retrieval_predictor.wire.work import Batch

T = TypeVar("T")

TOKENS_PER_THREAD = 256
"""Fewer tokens than this do not feed a second CPU thread well: MiniLM on two Zen 3 cores takes
4.2 ms a text for 12 texts of 12 tokens on one thread and 4.1 on two, at twice the CPU time."""

_GPU_SLOTS = 2
"""One batch computes while the next is packed, copied and launched behind it."""


class Runner(Protocol):
    """A model that computes batches; several threads may call it at a time."""

    def run(self, batch: Batch) -> Ragged:
        """One row a text, in the order of the batch."""


class DeviceThreads:
    """Runs things in threads of their own, at most so many at a time."""

    def __init__(self, count: int) -> None:
        self._executor = ThreadPoolExecutor(max_workers=count, thread_name_prefix="device")

    async def call(self, function: Callable[[], T]) -> T:
        """The function's result, computed in a device thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)


class ThreadedDevice:
    """A runner behind its threads, as the batcher wants it.

    Two forward passes side by side on a core each cost no more CPU time than one after the other;
    one pass on two cores does, as its threads wait for one another several times a layer. So a
    batch gets a single thread, and more only where cores would be left over and it can feed them.
    """

    def __init__(self, runner: Runner, slots: int, cores: int, *, divides: bool) -> None:
        self.slots = slots
        self.divides = divides
        self._cores = cores
        self._runner = runner
        self._running = 0
        self._threads = DeviceThreads(slots)

    async def run(self, batch: Batch) -> Ragged:
        """See `retrieval_predictor.engine.scheduler.batcher.Device`."""
        self._running += 1
        count = threads_for(batch.tokens, self._cores // self._running)
        try:
            return await self._threads.call(lambda: _run(self._runner, batch, count))
        finally:
            self._running -= 1


def device_for(
    runner: Runner, card: ModelCard, settings: Settings, usable_cores: int
) -> ThreadedDevice:
    """The runner on its device: a GPU takes batches in line, the cores of a CPU side by side."""
    cores = engine_cores(settings, usable_cores)
    if settings.gpu.count:
        return ThreadedDevice(runner, _GPU_SLOTS, cores, divides=False)
    slots = cpu_slots(cores, settings.batching.max_batch_tokens, card.max_input_tokens)
    return ThreadedDevice(runner, slots, cores, divides=True)


def engine_cores(settings: Settings, usable_cores: int) -> int:
    """CPU cores of an engine: as configured, else all of them, shared among a pod's engines.

    The API workers get no core of their own: they need little, and get it at once because the
    device's threads never spin.
    """
    return settings.threads or max(usable_cores // settings.engine_count, 1)


def cpu_slots(cores: int, max_batch_tokens: int, max_input_tokens: int) -> int:
    """Batches a CPU computes side by side: one a core.

    There are fewer where the budget would not hold a longest text for each of them: they share it,
    so that they take no more memory together than one batch was planned to.
    """
    return max(min(cores, max_batch_tokens // max_input_tokens), 1)


def threads_for(tokens: int, most: int) -> int:
    """How many CPU threads a batch keeps busy, at least one."""
    return max(1, min(most, tokens // TOKENS_PER_THREAD))


def _run(runner: Runner, batch: Batch, thread_count: int) -> Ragged:
    """What the runner computes, with the errors of PyTorch and CUDA in our own words.

    An error that PyTorch reports as the accelerator's own, such as an illegal memory access, stays
    with the CUDA context: every later call fails too (CUDA Runtime API, "Error Handling").

    Raises:
        OutOfDeviceMemory: The batch does not fit; the memory it took is free again.
        DeviceLost: This process cannot use the device any more.
    """
    torch.set_num_threads(thread_count)
    try:
        return runner.run(batch)
    except Exception as error:
        if isinstance(error, torch.AcceleratorError) and not is_shortage(error):
            raise DeviceLost(type(error).__name__) from error
        if not is_shortage(error):
            raise
        # nothing is raised here: the traceback holds the batch's tensors until this block ends
    torch.cuda.empty_cache()
    raise OutOfDeviceMemory
