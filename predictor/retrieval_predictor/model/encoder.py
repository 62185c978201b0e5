"""Run a transformers model over a packed batch, without padding where the model allows it.

Both encoders give the same result for the same batch. Which one serves is settled when the model
is loaded, by comparing them, and never again.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np
import structlog
import torch
from torch import Tensor
from transformers import PreTrainedModel

from retrieval_predictor.model import attention
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.work import Batch, Encoded, Part, Reference

log = structlog.get_logger(__name__)

_PROBE_LENGTHS = (5, 17, 17, 40, 300)
"""Equal lengths, unequal ones, and one beyond ModernBERT's 128-token window."""

TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 8e-2}
"""Largest relative error of a token vector: ten times what agreeing models show."""


class Encoder(Protocol):
    """Turns a packed batch into token vectors."""

    @property
    def name(self) -> str:
        """What `/info` shows."""

    def __call__(self, packed: Packed) -> Tensor:
        """Token vectors of the last layer: (T, H), in the order of `packed.ids`."""


class PackedEncoder:
    """All texts as one sequence of T tokens; nothing is computed for padding."""

    name = "packed"

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._offset = position_offset(model)
        self._has_types = _has_types(model)

    def __call__(self, packed: Packed) -> Tensor:
        """See `Encoder`."""
        types = {"token_type_ids": packed.types.unsqueeze(0)} if self._has_types else {}
        output = self._model(
            input_ids=packed.ids.unsqueeze(0),
            position_ids=packed.positions.unsqueeze(0) + self._offset,
            use_cache=False,
            packed=packed,
            **types,
        )
        hidden: Tensor = output[0][0]
        return hidden


class PaddedEncoder:
    """A rectangle of N texts times the longest one, as the library itself would run it."""

    name = "padded"

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._has_types = _has_types(model)

    def __call__(self, packed: Packed) -> Tensor:
        """See `Encoder`."""
        real = packed.real
        types = {"token_type_ids": packed.padded(packed.types, 0)} if self._has_types else {}
        output = self._model(
            input_ids=packed.padded(packed.ids, 0), attention_mask=real.long(), **types
        )
        hidden: Tensor = output[0][real]
        return hidden


def choose(model: PreTrainedModel, probe: Packed) -> Encoder:
    """The packed encoder where it reproduces the library's own result, else the padded one."""
    padded = PaddedEncoder(model)
    with torch.inference_mode():
        wanted = padded(probe)
        try:
            model.set_attn_implementation(attention.NAME)
            packed = PackedEncoder(model)
            error = _relative_error(packed(probe), wanted)
        except attention.CannotPack as reason:
            log.info("packing_unavailable", cause=str(reason))
        except Exception as failure:  # noqa: BLE001  (a foreign model may fail in any way)
            log.info("packing_unavailable", cause=type(failure).__name__)
        else:
            if error <= TOLERANCE[wanted.dtype]:
                return packed
            log.info("packing_disagrees", relative_error=round(error, 5))
    unplug(model)
    return padded


def unplug(model: PreTrainedModel) -> None:
    """Give a model its own attention back."""
    model.set_attn_implementation("sdpa" if model._supports_sdpa else "eager")  # noqa: SLF001


def position_offset(model: PreTrainedModel) -> int:
    """The position of a text's first token: `padding_idx + 1` in RoBERTa's family, else 0."""
    embeddings = getattr(model, "embeddings", None)
    padding: int | None = getattr(embeddings, "padding_idx", None)
    counts_after_padding = hasattr(embeddings, "create_position_ids_from_input_ids")
    return padding + 1 if counts_after_padding and padding is not None else 0


def _has_types(model: PreTrainedModel) -> bool:
    return getattr(model.config, "type_vocab_size", 0) > 1


def make_probe(vocabulary_size: int, max_tokens: int) -> Packed:
    """Texts of random tokens on which two ways to compute a model are compared."""
    lengths = np.minimum(_PROBE_LENGTHS, max_tokens).astype(np.int32)
    generator = np.random.default_rng(0)
    low = min(vocabulary_size // 2, 1000)  # special tokens lie below
    ids = generator.integers(low, vocabulary_size, int(lengths.sum()), dtype=np.int32)
    return pack(Batch((Part(Encoded(ids, lengths, lengths), 0, Reference()),)))


def _relative_error(got: Tensor, wanted: Tensor) -> float:
    difference = (got.float() - wanted.float()).norm(dim=1)
    return float((difference / wanted.float().norm(dim=1)).max())
