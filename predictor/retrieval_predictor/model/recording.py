"""Replay a model's tensor operations without the Python that calls them.

A layer of transformers costs up to half a millisecond of Python on every batch, and holds the
interpreter's lock meanwhile. So its operations are recorded once, when the model is loaded, and
replayed from then on: the same kernels in the same order, and so the same bits.
A recording knows no branch: a model whose Python looks at a shape or a value is not recorded.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import cache, wraps
from typing import Any, TypeVar, cast

import structlog
import torch
from torch import Tensor, nn
from torch.jit import TracerWarning  # type: ignore[attr-defined]

from retrieval_predictor.model.packing import Packed

log = structlog.get_logger(__name__)

_CHECKS = r"torch\.nn\.functional"
"""Looks at shapes to refuse wrong ones, and at nothing else."""

Compute = Callable[[Packed], Tensor]
Function = TypeVar("Function", bound=Callable[..., Tensor])


def record(model: nn.Module, compute: Compute, example: Packed) -> Compute | None:
    """What `compute` does with the weights of `model`, as a recording; None where there is none.

    It takes batches of any shape in which no text shares its beginning.
    """
    traced = _Recordable(model, compute, example)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # TorchScript is deprecated, see DECISIONS 32
        warnings.simplefilter("error", TracerWarning)
        warnings.filterwarnings("ignore", category=TracerWarning, module=_CHECKS)
        try:
            recording = torch.jit.trace(  # type: ignore[no-untyped-call]
                traced, _inputs(example), check_trace=False
            )
        except Exception as cause:  # noqa: BLE001  (a foreign model may fail in any way)
            log.info("recording_unavailable", cause=type(cause).__name__)
            return None
    return lambda packed: cast("Tensor", recording(*_inputs(packed)))


def recordable(function: Function) -> Function:
    """The same function, which a recording keeps with its loops and branches.

    It has to keep to the subset of Python that TorchScript compiles, with those it calls.
    """

    @cache
    def script() -> Function:
        return cast("Function", torch.jit.script(function))

    @wraps(function)
    def call(*arguments: Any) -> Tensor:
        is_recorded: bool = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        return (script() if is_recorded else function)(*arguments)

    return cast("Function", call)


def _inputs(packed: Packed) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    return packed.ids, packed.positions, packed.types, packed.blocks


class _Recordable(nn.Module):
    """A computation of a batch as one of tensors; the module's weights are not copied."""

    def __init__(self, model: nn.Module, compute: Compute, example: Packed) -> None:
        super().__init__()
        self.model = model
        self._compute = compute
        self._example = example

    def forward(self, ids: Tensor, positions: Tensor, types: Tensor, blocks: Tensor) -> Tensor:
        """Token vectors: (T, H)."""
        packed = replace(self._example, ids=ids, positions=positions, types=types, blocks=blocks)
        return self._compute(packed)
