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

from retrieval_predictor.model.packing import Packed
from retrieval_predictor.model.recording import recordable

NAME = "retrieval_packed"
_VARLEN_OPTIONS = {"scale", "window_size", "enable_gqa"}


class CannotPack(Exception):
    """Why a model's texts cannot share one sequence; they are padded instead."""


def register() -> None:
    """Make `attn_implementation="retrieval_packed"` known to transformers.

    cuDNN's attention is turned off, for padded models too: on compute capability 9 and 10 it comes
    before FlashAttention, and it builds a plan for every new number of tokens, texts and longest
    text. That takes 40 to 70 ms (PyTorch PR 191576), a server's batches hardly ever repeat, and
    the plans are never freed.
    """
    torch.backends.cuda.enable_cudnn_sdp(enabled=False)
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
    is_causal: bool | None = None,
    **_kwargs: Any,
) -> tuple[Tensor, None]:
    """Attend inside each text of a packed batch.

    Shapes: query (1, heads, C, head size), key and value with as many or fewer heads (grouped-query
    attention) -> (1, C, heads, head size), the layout transformers expects back. C is T unless
    texts share their beginnings: then each text gets back the keys and values it shares.
    `is_causal` is the configuration's word where it has one, over the layer's own.

    Raises:
        CannotPack: The model caps its attention scores (Gemma 2), or this PyTorch lacks a kernel.
    """
    if softcap is not None:
        raise CannotPack("the model caps its attention scores")
    if packed.shared is not None:
        key, value = key[:, :, packed.shared.source], value[:, :, packed.shared.source]
    causal = bool(getattr(module, "is_causal", False) if is_causal is None else is_causal)
    window = _window(sliding_window, causal=causal)
    if _has_varlen(query):
        return _attend_varlen((query, key, value), packed, scaling, window).unsqueeze(0), None
    out = _attend_blocks(query[0], key[0], value[0], packed.blocks, scaling, window)
    return out.unsqueeze(0), None


def _window(sliding_window: int | None, *, causal: bool) -> tuple[int, int]:
    """Tokens seen to the left and to the right; -1 is no bound.

    transformers passes the window with the token itself counted (FlashAttention's is exclusive).
    """
    left = -1 if sliding_window is None else sliding_window - 1
    return left, 0 if causal else left


def _has_varlen(query: Tensor) -> bool:
    half = query.dtype in {torch.float16, torch.bfloat16}
    return query.is_cuda and half and _is_ampere(query.device)


@cache
def _is_ampere(device: torch.device) -> bool:
    """Whether a GPU is of compute capability 8.0 or later; asked once, not for every layer."""
    return torch.cuda.get_device_capability(device) >= (8, 0)


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
    """One FlashAttention kernel for the whole batch: (1, heads, C, size) -> (C, heads, size).

    Where a text has fewer queries than keys, they are its last (FlashAttention 2.1).
    """
    query, key, value = (tensor[0].transpose(0, 1) for tensor in qkv)
    computed = packed.shared or packed
    out = varlen_kernel("torch.nn.attention.varlen")(
        query,
        key,
        value,
        computed.offsets,
        packed.offsets,
        computed.longest,
        packed.longest,
        scale=scaling,
        window_size=window,
        enable_gqa=key.shape[1] != query.shape[1],
    )
    return cast("Tensor", out)


@recordable
def _attend_blocks(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    blocks: Tensor,
    scale: float | None,
    window: tuple[int, int],
) -> Tensor:
    """One dense attention for each of `Packed.blocks`: (heads, C, size) -> (C, heads, size)."""
    heads, tokens, size = query.shape
    out = query.new_empty((tokens, heads, size))
    spans: list[list[int]] = blocks.tolist()
    for count, first, computed, start, length in spans:
        context = scaled_dot_product_attention(
            _rows(query, first, count, computed),
            _rows(key, start, count, length),
            _rows(value, start, count, length),
            attn_mask=_band(computed, length, window, query.device),
            scale=scale,
            enable_gqa=key.shape[0] != heads,
        )
        _rows(out.transpose(0, 1), first, count, computed).copy_(context)
    return out


def _rows(tensor: Tensor, start: int, count: int, length: int) -> Tensor:
    """A view of neighbouring texts: (heads, tokens, size) -> (texts, heads, length, size)."""
    part = tensor[:, start : start + count * length]
    heads, _, size = part.shape
    return part.view(heads, count, length, size).transpose(0, 1)


def _band(queries: int, keys: int, window: tuple[int, int], device: torch.device) -> Tensor | None:
    """The (queries, keys) bool mask of a window, True = may look; None where all may.

    The queries are the last tokens of the keys' text.
    """
    left, right = window
    if (left < 0 or left >= keys - 1) and (right < 0 or right >= queries - 1):
        return None
    place = torch.arange(keys, device=device)
    ahead = place[None, :] - place[keys - queries :, None]
    seen = torch.ones_like(ahead, dtype=torch.bool)
    if right >= 0:
        seen &= ahead <= right
    if left >= 0:
        seen &= ahead >= -left
    return seen
