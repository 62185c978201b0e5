"""Attention over packed tokens, plugged into transformers' own model definitions.

transformers looks attention up by name (`AttentionInterface`) and so the layers stay the library's;
the mask function registered under the same name returns None because a packed batch has nothing to
mask: `cu_seqlens`-style offsets keep texts apart instead (FlashAttention-2, Dao 2023, section 3).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from inspect import signature
from typing import Any, cast

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from transformers.masking_utils import AttentionMaskInterface
from transformers.modeling_utils import AttentionInterface

from retrieval_predictor.model.packing import Block, Packed

NAME = "retrieval_packed"
_VARLEN_OPTIONS = {"scale", "window_size", "enable_gqa"}


class CannotPack(Exception):
    """Why a model's texts cannot share one sequence; they are padded instead."""


def register() -> None:
    """Make `attn_implementation="retrieval_packed"` known to transformers."""
    AttentionInterface.register(NAME, packed_attention)
    AttentionMaskInterface.register(NAME, _no_mask)


def _no_mask(*_args: Any, **_kwargs: Any) -> None:
    return None


def packed_attention(  # noqa: PLR0913  (the signature is transformers')
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    _mask: Tensor | None,
    *,
    packed: Packed,
    scaling: float | None = None,
    sliding_window: int | None = None,
    softcap: float | None = None,
    **_kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend inside each text of a packed batch.

    Shapes: query (1, heads, T, head size), key and value with as many or fewer heads (grouped-query
    attention) -> (1, T, heads, head size), the layout transformers expects back.

    Raises:
        CannotPack: The model caps its attention scores (Gemma 2), or this PyTorch lacks a kernel.
    """
    if softcap is not None:
        raise CannotPack("the model caps its attention scores")
    attend = _attend_varlen if _has_varlen(query) else _attend_blocks
    causal = bool(getattr(module, "is_causal", False))
    out = attend((query, key, value), packed, scaling, _window(sliding_window, causal=causal))
    return out.unsqueeze(0), None


def _window(sliding_window: int | None, *, causal: bool) -> tuple[int, int]:
    """Tokens seen to the left and to the right; -1 is no bound.

    transformers passes the window with the token itself counted (FlashAttention's is exclusive).
    """
    left = -1 if sliding_window is None else sliding_window - 1
    return left, 0 if causal else left


def _has_varlen(query: Tensor) -> bool:
    half = query.dtype in {torch.float16, torch.bfloat16}
    return query.is_cuda and half and torch.cuda.get_device_capability(query.device) >= (8, 0)


@cache
def varlen_kernel(module: str) -> Callable[..., Any]:
    """The `varlen_attn` of a module, asked once for what it takes: PyTorch calls it a prototype.

    Raises:
        CannotPack: There is none, or it takes other arguments than PyTorch 2.10's and later.
    """
    try:
        found = import_module(module).varlen_attn
    except (ImportError, AttributeError):
        raise CannotPack(f"this PyTorch has no {module}.varlen_attn") from None
    missing = _VARLEN_OPTIONS - signature(found).parameters.keys()
    if missing:
        raise CannotPack(f"varlen_attn of this PyTorch takes no {', '.join(sorted(missing))}")
    kernel: Callable[..., Any] = found
    return kernel


def _attend_varlen(
    qkv: tuple[Tensor, Tensor, Tensor],
    packed: Packed,
    scaling: float | None,
    window: tuple[int, int],
) -> Tensor:
    """One FlashAttention kernel for the whole batch: (1, heads, T, size) -> (T, heads, size)."""
    query, key, value = (tensor[0].transpose(0, 1) for tensor in qkv)
    out = varlen_kernel("torch.nn.attention.varlen")(
        query,
        key,
        value,
        packed.offsets,
        packed.offsets,
        packed.longest,
        packed.longest,
        scale=scaling,
        window_size=window,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return cast("Tensor", out)


def _attend_blocks(
    qkv: tuple[Tensor, Tensor, Tensor],
    packed: Packed,
    scaling: float | None,
    window: tuple[int, int],
) -> Tensor:
    """One dense attention per distinct length: (1, heads, T, size) -> (T, heads, size)."""
    query, key, value = (tensor[0] for tensor in qkv)
    heads, tokens, size = query.shape
    out = query.new_empty((tokens, heads, size))
    for block in packed.blocks:
        context = scaled_dot_product_attention(
            _rows(query, block),
            _rows(key, block),
            _rows(value, block),
            attn_mask=_band(block.length, window, query.device),
            scale=scaling,
            enable_gqa=key.shape[0] != heads,
        )
        _rows(out.transpose(0, 1), block).copy_(context)
    return out


def _rows(tensor: Tensor, block: Block) -> Tensor:
    """A view of one block: (heads, T, size) -> (texts, heads, length, size)."""
    part = tensor[:, block.start : block.start + block.count * block.length]
    heads, _, size = part.shape
    return part.view(heads, block.count, block.length, size).transpose(0, 1)


def _band(length: int, window: tuple[int, int], device: torch.device) -> Tensor | None:
    """The (length, length) bool mask of a window, True = may look; None where all may."""
    left, right = window
    if (left < 0 or left >= length - 1) and (right < 0 or right >= length - 1):
        return None
    place = torch.arange(length, device=device)
    ahead = place[None, :] - place[:, None]
    seen = torch.ones_like(ahead, dtype=torch.bool)
    if right >= 0:
        seen &= ahead <= right
    if left >= 0:
        seen &= ahead >= -left
    return seen
