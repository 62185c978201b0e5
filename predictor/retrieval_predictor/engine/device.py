"""The device's own threads: a model never runs on the loop that reads the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from retrieval_predictor.runners.runner import Runner
from retrieval_predictor.settings import Settings
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.ragged import Ragged
from retrieval_predictor.wire.work import Batch

T = TypeVar("T")

_GPU_SLOTS = 2
"""One batch computes while the next is packed, copied and launched behind it."""


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
        count = threads_for(
            batch.tokens, self._runner.tokens_per_thread, self._cores // self._running
        )
        try:
            return await self._threads.call(lambda: self._runner.run(batch, count))
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


def threads_for(tokens: int, tokens_per_thread: int, most: int) -> int:
    """How many CPU threads a batch keeps busy, at least one."""
    return max(1, min(most, tokens // tokens_per_thread))
