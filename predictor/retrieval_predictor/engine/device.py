"""The device's own thread: torch never runs on the loop that reads the socket."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import torch

from retrieval_predictor.errors import DeviceLost, OutOfDeviceMemory
from retrieval_predictor.model.runner import Runner
from retrieval_predictor.work import Batch, Floats

T = TypeVar("T")


class DeviceThread:
    """Runs one thing after another in a thread of its own."""

    def __init__(self) -> None:
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix="device")

    async def call(self, function: Callable[[], T]) -> T:
        """The function's result, computed in the device thread."""
        return await asyncio.get_running_loop().run_in_executor(self._executor, function)


class ThreadedDevice:
    """A runner behind its thread, as the batcher wants it."""

    def __init__(self, thread: DeviceThread, runner: Runner) -> None:
        self._thread = thread
        self._runner = runner

    async def run(self, batch: Batch) -> Floats:
        """See `retrieval_predictor.batching.batcher.Device`."""
        return await self._thread.call(lambda: _run(self._runner, batch))


def _run(runner: Runner, batch: Batch) -> Floats:
    """What the runner computes, with the errors of PyTorch and CUDA in our own words.

    An error that PyTorch reports as the accelerator's own, such as an illegal memory access, stays
    with the CUDA context: every later call fails too (CUDA Runtime API, "Error Handling").

    Raises:
        OutOfDeviceMemory: The batch does not fit; the memory it took is free again.
        DeviceLost: This process cannot use the device any more.
    """
    try:
        return runner.run(batch)
    except torch.OutOfMemoryError:
        pass  # the traceback holds the batch's tensors until this block ends
    except torch.AcceleratorError as error:
        raise DeviceLost(type(error).__name__) from error
    torch.cuda.empty_cache()
    raise OutOfDeviceMemory
