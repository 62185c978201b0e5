"""Linear layers with their weights laid out for oneDNN, where this CPU computes them faster so.

PyTorch's own fp32 linear goes to MKL, which leaves half of an AMD core with AVX-512 idle; on cores
without AVX-512 the two are even. So nothing is assumed: both are timed on the model's own layers.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Union

import torch
from torch import Tensor, nn
from torch.nn.functional import linear

from retrieval_predictor.model.recording import recordable

_ROWS = (12, 128)
"""Tokens of the two products that are timed: a short query, and a passage."""

_ROUNDS = 3
_REPEATS = 5
_BUDGET_S = 0.02
"""CPU time of a product of one shape in one round; the first repeat may take longer."""

_LEAST_GAIN = 1.1
"""A gain has to be larger than this in every round: a busy neighbour can fake one, hardly three."""

_TOLERANCE = {torch.float32: 1e-5, torch.bfloat16: 2e-2}
"""Largest relative error: sums of a few thousand products in another order."""

PLAIN = "plain"
PREPACKED = "prepacked"


class PrepackedLinear(nn.Module):
    """A linear layer whose weights are in oneDNN's blocked layout; it takes that layer's place."""

    _packed: Tensor

    def __init__(self, layer: nn.Linear) -> None:
        super().__init__()
        self.in_features = layer.in_features
        self.out_features = layer.out_features
        self.bias = layer.bias
        rows = 64  # a hint for the layout, not a bound
        packed = torch.ops.mkldnn._reorder_linear_weight(layer.weight.detach(), rows)  # noqa: SLF001
        self.register_buffer("_packed", packed, persistent=False)

    def forward(self, rows: Tensor) -> Tensor:
        """Rows times weights plus bias: (…, in) -> (…, out)."""
        return _product(rows, self._packed, self.bias)


@recordable
def _product(rows: Tensor, packed: Tensor, bias: Tensor | None) -> Tensor:
    """The call that PyTorch's inductor makes for frozen weights on a CPU."""
    scalars: list[Union[int, float, complex, None]] = []  # noqa: UP007  (TorchScript's `Scalar?[]`)
    product: Tensor = torch.ops.mkldnn._linear_pointwise(  # noqa: SLF001
        rows, packed, bias, "none", scalars, ""
    )
    return product


def prepack(model: nn.Module) -> str:
    """Prepack a model's linear layers if that wins here; says whether they are now.

    Weights are replaced one layer at a time, so that a second copy of the model never exists.
    """
    if not _pays(model):
        return PLAIN
    replace(model)
    return PREPACKED


def replace(model: nn.Module) -> None:
    """Put a prepacked layer in the place of every linear one."""
    for parent in list(model.modules()):
        for name, layer in list(parent.named_children()):
            if type(layer) is nn.Linear:
                setattr(parent, name, PrepackedLinear(layer))


@torch.inference_mode()
def _pays(model: nn.Module) -> bool:
    """Whether prepacked layers agree with the model's own and are faster, on one thread."""
    layers = list(_one_a_shape(model))
    known = {layer.weight.dtype for layer in layers} <= _TOLERANCE.keys()
    on_cpu = all(layer.weight.device.type == "cpu" for layer in layers)
    if not layers or not known or not on_cpu or not _exists():
        return False
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        pairs = _pairs(layers)
        return bool(pairs) and all(_gain(pairs) >= _LEAST_GAIN for _ in range(_ROUNDS))
    finally:
        torch.set_num_threads(before)


def _pairs(layers: list[nn.Linear]) -> list[tuple[nn.Linear, PrepackedLinear]]:
    """Each layer beside its prepacked self; none where oneDNN lacks their type on this CPU."""
    try:
        return [(layer, PrepackedLinear(layer)) for layer in layers]
    except RuntimeError:
        return []


def _one_a_shape(model: nn.Module) -> Iterator[nn.Linear]:
    seen = set()
    for layer in model.modules():
        if type(layer) is nn.Linear and layer.weight.shape not in seen:
            seen.add(layer.weight.shape)
            yield layer


def _exists() -> bool:
    operations = ("_reorder_linear_weight", "_linear_pointwise")
    built_in: bool = torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
    return built_in and all(hasattr(torch.ops.mkldnn, name) for name in operations)


def _gain(pairs: list[tuple[nn.Linear, PrepackedLinear]]) -> float:
    """Time of the model's own layers over that of prepacked ones; 0 where they disagree."""
    plain_s = prepacked_s = 0.0
    for layer, prepacked in pairs:
        for count in _ROWS:
            rows = torch.randn(count, layer.in_features).to(layer.weight.dtype)
            if not _agree(layer, prepacked, rows):
                return 0.0
            one_s, other_s = _best_s(layer, prepacked, rows)
            plain_s, prepacked_s = plain_s + one_s, prepacked_s + other_s
    return plain_s / prepacked_s


def _agree(layer: nn.Linear, prepacked: PrepackedLinear, rows: Tensor) -> bool:
    wanted = linear(rows, layer.weight, layer.bias).float()
    error = (prepacked(rows).float() - wanted).norm() / wanted.norm().clamp(min=1e-9)
    return bool(error <= _TOLERANCE[rows.dtype])


def _best_s(one: nn.Module, other: nn.Module, rows: Tensor) -> tuple[float, float]:
    """The shortest of several runs of each, in turn, so that noise meets both."""
    spent: tuple[list[float], list[float]] = ([], [])
    stop_s = time.thread_time() + _BUDGET_S
    for _ in range(_REPEATS):
        for layer, times in zip((one, other), spent, strict=True):
            times.append(_time_s(layer, rows))
        if time.thread_time() > stop_s:
            break
    return min(spent[0]), min(spent[1])


def _time_s(layer: nn.Module, rows: Tensor) -> float:
    started_s = time.thread_time()
    layer(rows)
    return time.thread_time() - started_s
