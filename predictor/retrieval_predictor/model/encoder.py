"""Run a transformers model over a packed batch, without padding where the model allows it.

All encoders give the same result for the same batch. Which one serves is settled when the model
is loaded, by comparing them, and never again.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Protocol

import numpy as np
import structlog
import torch
from torch import Tensor
from transformers import PreTrainedModel

from retrieval_predictor.model import attention
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.prefixes import LEAST_TOKENS
from retrieval_predictor.model.recording import Compute, record
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference

log = structlog.get_logger(__name__)

_PROBE_LENGTHS = (5, 17, 17, 40, 300)
"""Equal lengths, unequal ones, and one beyond ModernBERT's 128-token window."""

_RECORDED = 2
"""Texts of the probe that a recording is made with; the whole probe then shows whether it holds."""

TOLERANCE = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 8e-2}
"""Largest relative error of a token vector: ten times what agreeing models show."""


class Encoder(Protocol):
    """Turns a packed batch into token vectors."""

    @property
    def name(self) -> str:
        """What `/info` shows."""

    @property
    def shares_prefixes(self) -> bool:
        """Whether it takes batches that were packed with `shares`."""

    @property
    def is_recorded(self) -> bool:
        """Whether batches in which no text shares its beginning run without the model's Python."""

    def __call__(self, packed: Packed) -> Tensor:
        """Token vectors of the last layer: (T, H), in the order of `packed.ids`."""


class PackedEncoder:
    """All texts as one sequence of T tokens; nothing is computed for padding.

    With `shares_prefixes` nothing is computed twice for texts that begin alike either.
    """

    name = "packed"
    is_recorded = False

    def __init__(self, model: PreTrainedModel, *, shares_prefixes: bool = False) -> None:
        self.shares_prefixes = shares_prefixes
        self._model = model
        self._offset = position_offset(model)
        self._has_types = has_types(model)
        self._masked = _no_mask(model) if is_causal(model) else {}

    def __call__(self, packed: Packed) -> Tensor:
        """See `Encoder`."""
        computed = packed.shared or packed
        types = {"token_type_ids": computed.types.unsqueeze(0)} if self._has_types else {}
        output = self._model(
            input_ids=computed.ids.unsqueeze(0),
            position_ids=computed.positions.unsqueeze(0) + self._offset,
            use_cache=False,
            packed=packed,
            **self._masked,
            **types,
        )
        hidden: Tensor = output[0][0]
        return hidden if packed.shared is None else hidden[packed.shared.source]


class RecordedEncoder:
    """A packed encoder, replayed from its recording wherever every token is computed."""

    name = "packed"
    is_recorded = True

    def __init__(self, encoder: PackedEncoder, recording: Compute) -> None:
        self.shares_prefixes = encoder.shares_prefixes
        self._encoder = encoder
        self._recording = recording

    def __call__(self, packed: Packed) -> Tensor:
        """See `Encoder`."""
        compute = self._recording if packed.shared is None else self._encoder
        return compute(packed)


class PaddedEncoder:
    """A rectangle of N texts times the longest one, as the library itself would run it."""

    name = "padded"
    shares_prefixes = False
    is_recorded = False

    def __init__(self, model: PreTrainedModel) -> None:
        self._model = model
        self._has_types = has_types(model)

    def __call__(self, packed: Packed) -> Tensor:
        """See `Encoder`."""
        types = {"token_type_ids": packed.padded(packed.types, 0)} if self._has_types else {}
        output = self._model(
            input_ids=packed.padded(packed.ids, 0), attention_mask=packed.real.long(), **types
        )
        return packed.unpadded(output[0])


def choose(model: PreTrainedModel, texts: Batch) -> Encoder:
    """The first that reproduces the library's own result: prefixes shared, packed, else padded."""
    padded = PaddedEncoder(model)
    for shares in (True, False) if is_causal(model) else (False,):
        probe = pack(texts, shares=shares).to(model.device)
        packed = PackedEncoder(model, shares_prefixes=shares)
        if _agree(model, packed, padded, probe):
            return _recorded(model, packed, texts)
    _require_apart(model, padded, texts)
    return padded


class Mixes(Exception):
    """A text's vectors depend on the texts beside it, who may be a stranger's."""


@torch.inference_mode()
def _require_apart(model: PreTrainedModel, padded: PaddedEncoder, texts: Batch) -> None:
    """See that padding changes nothing: a model such as FNet mixes it into every token.

    Raises:
        Mixes: It does.
    """
    packed = pack(texts).to(model.device)
    shortest = pack(_first(texts, 1)).to(model.device)
    together, alone = padded(packed), padded(shortest)
    error = _relative_error(alone, together[: alone.shape[0]])
    if not error <= TOLERANCE[alone.dtype]:
        raise Mixes(f"what it makes of a text depends on the texts beside it ({error:.2f})")


@torch.inference_mode()
def _recorded(model: PreTrainedModel, packed: PackedEncoder, texts: Batch) -> Encoder:
    """The encoder's recording where it computes other shapes than its own, on a CPU.

    A GPU computes while Python goes ahead, and TorchScript would compile kernels for it.
    """
    if model.device.type != "cpu":
        return packed
    recording = record(model, packed, pack(_first(texts, _RECORDED)))
    if recording is None or not _replays(model, packed, recording, pack(texts)):
        return packed
    return RecordedEncoder(packed, recording)


def _replays(
    model: PreTrainedModel, packed: PackedEncoder, recording: Compute, probe: Packed
) -> bool:
    """Whether a recording computes other shapes than its own."""
    try:
        error = _relative_error(recording(probe), packed(probe))
    except Exception as failure:  # noqa: BLE001  (a foreign model may fail in any way)
        log.info("recording_unavailable", cause=type(failure).__name__)
        return False
    return error <= TOLERANCE[model.dtype]


def _first(texts: Batch, count: int) -> Batch:
    """The first texts of a probe."""
    (part,) = texts.parts
    tokens = int(part.encoded.lengths[:count].sum())
    return Batch((replace(part, encoded=part.encoded.of(slice(count), slice(tokens))),))


@torch.inference_mode()
def _agree(
    model: PreTrainedModel, packed: PackedEncoder, padded: PaddedEncoder, probe: Packed
) -> bool:
    """Whether both compute the same; the model is left with the attention of what can serve."""
    wanted = padded(probe)
    shares = packed.shares_prefixes
    try:
        model.set_attn_implementation(attention.NAME)
        error = _relative_error(packed(probe), wanted)
    except attention.CannotPack as reason:
        log.info("packing_unavailable", shares_prefixes=shares, cause=str(reason))
    except Exception as failure:  # noqa: BLE001  (a foreign model may fail in any way)
        log.info("packing_unavailable", shares_prefixes=shares, cause=type(failure).__name__)
    else:
        if error <= TOLERANCE[wanted.dtype]:
            return True
        log.info("packing_disagrees", shares_prefixes=shares, relative_error=round(error, 5))
    unplug(model)
    return False


def is_causal(model: PreTrainedModel) -> bool:
    """Whether every token's state follows from the tokens before it, by what the model says.

    transformers' attention layers carry `is_causal`, which `is_causal` of a configuration replaces.
    """
    told = [layer.is_causal for layer in model.modules() if hasattr(layer, "is_causal")]
    return bool(told) and all(told) and getattr(model.config, "is_causal", True) is not False


def _no_mask(model: PreTrainedModel) -> dict[str, Tensor]:
    """A mask that is taken as it is, and that packed attention never looks at.

    Without one transformers looks for packed texts in the positions of a causal model: it waits for
    the device in every pass, and the branch keeps the model from being recorded.
    """
    return {"attention_mask": torch.zeros((1, 1, 1, 1), dtype=model.dtype, device=model.device)}


def unplug(model: PreTrainedModel) -> None:
    """Give a model its own attention back."""
    model.set_attn_implementation("sdpa" if model._supports_sdpa else "eager")  # noqa: SLF001


def position_offset(model: PreTrainedModel) -> int:
    """The position of a text's first token: `padding_idx + 1` in RoBERTa's family, else 0."""
    embeddings = getattr(model, "embeddings", None)
    padding: int | None = getattr(embeddings, "padding_idx", None)
    counts_after_padding = hasattr(embeddings, "create_position_ids_from_input_ids")
    return padding + 1 if counts_after_padding and padding is not None else 0


def has_types(model: PreTrainedModel) -> bool:
    """Whether tokens of a text's second part are told apart."""
    return getattr(model.config, "type_vocab_size", 0) > 1


def make_probe(vocabulary_size: int, max_tokens: int) -> Batch:
    """Texts that two ways to compute a model are compared on: random tokens that begin alike."""
    lengths = np.minimum(_PROBE_LENGTHS, max_tokens).astype(np.int32)
    generator = np.random.default_rng(0)
    low = min(vocabulary_size // 2, 1000)  # special tokens lie below
    ids = generator.integers(low, vocabulary_size, int(lengths.sum()), dtype=np.int32)
    positions = np.arange(ids.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    begins = positions < LEAST_TOKENS
    ids[begins] = ids[-LEAST_TOKENS:][positions[begins]]
    return Batch((Part(Encoded(ids, lengths, lengths), 0, Reference()),))


def _relative_error(got: Tensor, wanted: Tensor) -> float:
    difference = (got.float() - wanted.float()).norm(dim=1)
    return float((difference / wanted.float().norm(dim=1)).max())
