"""PyTorch's and CUDA's errors in our own words: what can be tried again, and what cannot."""

from __future__ import annotations

import pytest
import torch
from transformers import BertConfig, BertModel

from retrieval_predictor.errors import DeviceLost, OutOfDeviceMemory
from retrieval_predictor.model.heads import PoolingHead
from retrieval_predictor.model.runner import TorchRunner
from retrieval_predictor.model.widening import Width
from retrieval_predictor.wire.ragged import Ragged
from tests.support import make


class FailingEncoder:
    """Fails with this error."""

    name = "packed"
    shares_prefixes = False
    is_recorded = False

    def __init__(self, error: Exception) -> None:
        self._error = error

    def __call__(self, packed):
        del packed
        raise self._error


def accelerator(code: int) -> torch.AcceleratorError:
    """What CUDA's error of this number becomes in PyTorch."""
    error = torch.AcceleratorError("CUDA error: out of memory")
    vars(error)["error_code"] = code
    return error


def run(error: Exception) -> Ragged:
    """What a runner makes of it; neither its head nor its weights are reached."""
    model = BertModel(BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1))
    head = PoolingHead(("mean",), (), 8)
    runner = TorchRunner(FailingEncoder(error), head, torch.device("cpu"), Width(model))
    return runner.run(make.batch(make.encoded([3])))


def test_out_of_memory_can_be_tried_again_and_keeps_no_traceback_alive():
    with pytest.raises(OutOfDeviceMemory) as caught:
        run(torch.OutOfMemoryError("CUDA out of memory"))
    assert caught.value.__context__ is None


def test_an_error_of_the_accelerator_ends_the_process():
    with pytest.raises(DeviceLost, match="AcceleratorError"):
        run(torch.AcceleratorError("an illegal memory access"))


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
def test_memory_that_ran_out_outside_pytorchs_allocator_can_be_tried_again(error):
    with pytest.raises(OutOfDeviceMemory):
        run(error)


def test_an_illegal_access_is_no_shortage_whatever_it_says():
    with pytest.raises(DeviceLost):
        run(accelerator(700))


def test_any_other_error_stays_what_it_is():
    with pytest.raises(IndexError):
        run(IndexError("index out of range in self"))
