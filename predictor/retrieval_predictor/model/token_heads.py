"""What bge-m3 says of each token beside the text's vector: a weight, and a vector of its own.

Each is a linear layer over the token's hidden state, saved in a file of its own beside the
checkpoint. They are computed in the pass that computes the vector, and only where they are wanted.
Which tokens count is for whoever has their ids: a special token has its weight here too.
Source: M3-Embedding (Chen et al. 2024), section 3.2; FlagEmbedding 1.3, inference/embedder/m3.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from pickle import UnpicklingError

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor
from torch.nn.functional import linear, normalize, relu
from transformers import PreTrainedModel

from retrieval_predictor.errors import UnsupportedModel
from retrieval_predictor.model.checkpoint import Checkpoint
from retrieval_predictor.model.heads import Head, PoolingHead
from retrieval_predictor.model.packing import Packed, sent
from retrieval_predictor.model.prefixes import Longs
from retrieval_predictor.wire.work import Batch, Outputs

_Layer = tuple[Tensor, Tensor]
"""Weight (O, H) and bias (O,), both float32."""


@dataclass(frozen=True, slots=True)
class TokenOutput:
    """Numbers of each token but the first `skipped` of a text, where `flag` is wanted."""

    flag: Outputs
    layer: _Layer
    finish: Callable[[Tensor], Tensor]
    skipped: int

    @property
    def width(self) -> int:
        """Numbers a token."""
        return int(self.layer[1].numel())

    def pieces(self, hidden: Tensor, lengths: Longs, wanted: Longs) -> tuple[Tensor, ...]:
        """The numbers of each text, none where they are not wanted.

        Shapes: hidden (T, H) of any float type; lengths, wanted (N,) -> N tensors of one dimension.
        """
        texts = (wanted & self.flag) != 0
        places = np.arange(hidden.shape[0]) - np.repeat(lengths.cumsum() - lengths, lengths)
        chosen = np.flatnonzero(np.repeat(texts, lengths) & (places >= self.skipped))
        tokens = hidden[sent(chosen, hidden.device)].float()
        sizes = np.where(texts, lengths - self.skipped, 0) * self.width
        numbers = self.finish(linear(tokens, *self.layer)).reshape(-1)
        return torch.split(numbers, sizes.tolist())


class TokenHead:
    """The vector of each text, and behind it the numbers of its tokens.

    A batch in which only vectors are wanted gets what the dense head gives.
    """

    def __init__(self, dense: PoolingHead, kinds: tuple[TokenOutput, ...]) -> None:
        self._dense = dense
        self._kinds = kinds
        self.width = dense.width

    def width_of(self, flag: Outputs) -> int:
        """Numbers a token has of this kind, 0 where the model does not make them."""
        return next((kind.width for kind in self._kinds if kind.flag == flag), 0)

    def __call__(self, hidden: Tensor, packed: Packed, batch: Batch) -> Tensor | list[Tensor]:
        """See `Head`."""
        vectors = self._dense(hidden, packed, batch)
        if all(part.encoded.outputs == Outputs.DENSE for part in batch.parts):
            return vectors
        parts = [part.encoded for part in batch.parts]
        lengths = np.concatenate([part.lengths for part in parts]).astype(np.int64)[packed.order]
        flags = [np.full(part.lengths.size, part.outputs, dtype=np.int64) for part in parts]
        wanted = np.concatenate(flags)[packed.order]
        kinds = [kind.pieces(hidden, lengths, wanted) for kind in self._kinds]
        return [torch.cat(row) for row in zip(_wanted(vectors, wanted), *kinds, strict=True)]


def _wanted(vectors: Tensor, wanted: Longs) -> tuple[Tensor, ...]:
    """The vectors that are wanted, empty ones for the others: (N, D) -> N tensors."""
    keep = (wanted & Outputs.DENSE) != 0
    return tuple(row if one else row[:0] for row, one in zip(vectors, keep.tolist(), strict=True))


def width_of(head: Head, flag: Outputs) -> int:
    """Numbers that a head makes of each token for this kind; 0 where it makes none."""
    return head.width_of(flag) if isinstance(head, TokenHead) else 0


def with_token_outputs(dense: PoolingHead, checkpoint: Checkpoint, model: PreTrainedModel) -> Head:
    """The dense head, and what the checkpoint's own files add to it.

    Raises:
        UnsupportedModel: Such a file does not hold one linear layer over the hidden state.
    """
    kinds = [
        make(_layer(path, checkpoint, model))
        for name, make in _KINDS.items()
        if (path := checkpoint.token_heads.get(name)) is not None
    ]
    return TokenHead(dense, tuple(kinds)) if kinds else dense


_NONE = torch.empty(0)


def _unit(vectors: Tensor) -> Tensor:
    return normalize(vectors, dim=-1)


_KINDS: dict[str, Callable[[_Layer], TokenOutput]] = {
    "sparse_linear": partial(TokenOutput, Outputs.SPARSE, finish=relu, skipped=0),
    "colbert_linear": partial(TokenOutput, Outputs.COLBERT, finish=_unit, skipped=1),
}
"""By the stem of the file that holds the layer; ColBERT leaves out [CLS], the text's own token."""


def _layer(path: Path, checkpoint: Checkpoint, model: PreTrainedModel) -> _Layer:
    hidden = model.config.hidden_size
    saved = _saved(path)
    weight, bias = saved.get("weight", _NONE), saved.get("bias", _NONE)
    if weight.shape != (bias.numel(), hidden):
        raise UnsupportedModel(
            checkpoint.uri,
            f"{path.name} does not hold the weight and bias of a layer over {hidden} numbers",
        )
    return weight.float().to(model.device), bias.float().to(model.device)


def _saved(path: Path) -> dict[str, Tensor]:
    """The tensors of a file by name, none where it is something else."""
    try:
        if path.suffix == ".safetensors":
            return load_file(path)
        saved = torch.load(path, map_location="cpu", weights_only=True)
    except (UnpicklingError, SafetensorError, RuntimeError, EOFError):
        return {}
    named = saved.items() if isinstance(saved, dict) else ()
    return {name: value for name, value in named if isinstance(value, Tensor)}
