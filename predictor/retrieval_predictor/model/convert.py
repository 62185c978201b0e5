"""A model as a graph for OpenVINO: rectangles of ids in, finished rows out.

The graph is made of transformers' own module, with the pooling or the classifier behind it, so
nothing of the model is written twice. Whether it holds for other shapes than the one it was made
with is for the comparison that follows (`retrieval_predictor.model.prepare`).
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from retrieval_predictor.model.heads import score_of
from retrieval_predictor.runners.silent import openvino

_EXAMPLE = (2, 16)
"""Texts and tokens that a graph is made with; both stay free."""

Pool = Callable[[Tensor, Tensor], Tensor]


def _mean(hidden: Tensor, mask: Tensor) -> Tensor:
    return (hidden * mask).sum(1) / mask.sum(1)


def _mean_sqrt(hidden: Tensor, mask: Tensor) -> Tensor:
    return (hidden * mask).sum(1) / mask.sum(1).sqrt()


def _weighted_mean(hidden: Tensor, mask: Tensor) -> Tensor:
    weights = mask * mask.cumsum(1)
    return (hidden * weights).sum(1) / weights.sum(1)


def _maximum(hidden: Tensor, mask: Tensor) -> Tensor:
    return hidden.masked_fill(mask == 0, float("-inf")).amax(1)


def _first(hidden: Tensor, mask: Tensor) -> Tensor:  # noqa: ARG001  (one signature for all)
    return hidden[:, 0]


def _last(hidden: Tensor, mask: Tensor) -> Tensor:
    places = (mask.sum(1).long() - 1).unsqueeze(-1).expand(-1, -1, hidden.shape[-1])
    return hidden.gather(1, places).squeeze(1)


POOLS: dict[str, Pool] = {
    "cls": _first,
    "mean": _mean,
    "max": _maximum,
    "mean_sqrt_len_tokens": _mean_sqrt,
    "weightedmean": _weighted_mean,
    "lasttoken": _last,
}
"""As `retrieval_predictor.model.pooling.MODES`, over rectangles: (N, L, H), (N, L, 1) -> (N, H)."""


class Vectors(nn.Module):
    """Pooled and projected vectors: (N, D) float32."""

    def __init__(
        self, model: PreTrainedModel, modes: tuple[str, ...], dense: tuple[nn.Module, ...]
    ) -> None:
        super().__init__()
        self.model = model
        self.dense = nn.ModuleList(dense)
        self._modes = modes

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        """Ids, mask and types (N, L) int64 -> rows."""
        hidden = _hidden(self.model, ids, mask, types).float()
        real = mask.unsqueeze(-1).float()
        vectors = torch.cat([POOLS[mode](hidden, real) for mode in self._modes], dim=1)
        for layer in self.dense:
            vectors = layer({"sentence_embedding": vectors})["sentence_embedding"]
        return vectors


class TokenVectors(nn.Module):
    """Unit vectors of all tokens: (N, L, H) float32."""

    def __init__(self, model: PreTrainedModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        """Ids, mask and types (N, L) int64 -> token vectors."""
        return nn.functional.normalize(_hidden(self.model, ids, mask, types).float(), dim=-1)


class Scores(nn.Module):
    """A classifier's score before its activation: (N, 1) float32."""

    def __init__(self, classifier: PreTrainedModel) -> None:
        super().__init__()
        self.classifier = classifier

    def forward(self, ids: Tensor, mask: Tensor, types: Tensor | None = None) -> Tensor:
        """Ids, mask and types (N, L) int64 -> scores."""
        told = {} if types is None else {"token_type_ids": types}
        logits = self.classifier(input_ids=ids, attention_mask=mask, **told).logits
        return score_of(logits).float()


def save_graph(whole: nn.Module, path: Path, *, has_types: bool) -> None:
    """Convert a module and leave it at `path` (.xml, the weights beside it in .bin).

    Raises:
        Exception: Whatever the model's own code or the converter cannot do.
    """
    example = {"ids": torch.ones(_EXAMPLE, dtype=torch.int64)}
    example["mask"] = torch.ones(_EXAMPLE, dtype=torch.int64)
    if has_types:
        example["types"] = torch.zeros(_EXAMPLE, dtype=torch.int64)
    with warnings.catch_warnings(), torch.inference_mode():
        warnings.simplefilter("ignore")  # of TorchScript's tracer, which the converter uses
        graph = openvino.convert_model(whole, example_input=example)
    free = openvino.PartialShape([-1, -1])
    graph.reshape(dict.fromkeys((one.get_any_name() for one in graph.inputs), free))
    openvino.save_model(graph, path, compress_to_fp16=False)


def _hidden(model: PreTrainedModel, ids: Tensor, mask: Tensor, types: Tensor | None) -> Tensor:
    told = {} if types is None else {"token_type_ids": types}
    hidden: Tensor = model(input_ids=ids, attention_mask=mask, **told)[0]
    return hidden
