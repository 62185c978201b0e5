"""PyTorch's and CUDA's errors in our own words: what can be tried again, and what cannot."""

from __future__ import annotations

import pytest
import torch

from retrieval_predictor.engine.device import ThreadedDevice
from retrieval_predictor.errors import DeviceLost, OutOfDeviceMemory
from retrieval_predictor.wire.ragged import Ragged
from tests.support import make

pytestmark = pytest.mark.looptime(False)


class FailingRunner:
    """Fails with this error."""

    width = 1

    def __init__(self, error: Exception) -> None:
        self._error = error

    def run(self, batch):
        del batch
        raise self._error


def accelerator(code: int) -> torch.AcceleratorError:
    """What CUDA's error of this number becomes in PyTorch."""
    error = torch.AcceleratorError("CUDA error: out of memory")
    vars(error)["error_code"] = code
    return error


async def run(runner) -> Ragged:
    return await ThreadedDevice(runner, 1, 1, divides=True).run(make.batch(make.encoded([3])))


async def test_out_of_memory_can_be_tried_again_and_keeps_no_traceback_alive():
    with pytest.raises(OutOfDeviceMemory) as caught:
        await run(FailingRunner(torch.OutOfMemoryError("CUDA out of memory")))
    assert caught.value.__context__ is None


async def test_an_error_of_the_accelerator_ends_the_process():
    with pytest.raises(DeviceLost, match="AcceleratorError"):
        await run(FailingRunner(torch.AcceleratorError("an illegal memory access")))


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        RuntimeError("[enforce fail at alloc_cpu.cpu] DefaultCPUAllocator: can't allocate memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        accelerator(2),
    ],
    ids=lambda error: str(error)[:20],
)
async def test_memory_that_ran_out_outside_pytorchs_allocator_can_be_tried_again(error):
    with pytest.raises(OutOfDeviceMemory):
        await run(FailingRunner(error))


async def test_an_illegal_access_is_no_shortage_whatever_it_says():
    with pytest.raises(DeviceLost):
        await run(FailingRunner(accelerator(700)))


async def test_any_other_error_stays_what_it_is():
    with pytest.raises(IndexError):
        await run(FailingRunner(IndexError("index out of range in self")))
