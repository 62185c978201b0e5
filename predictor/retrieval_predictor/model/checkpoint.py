"""Read the small files of a checkpoint: how it pools, what it was trained to be told, how long.

Of the weights only single rows are read here. The sentence-transformers files are optional; a bare
transformers checkpoint pools by the mean, which is what sentence-transformers does with one too.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import structlog
import torch
from safetensors import safe_open
from torch import Tensor

from retrieval_predictor.errors import UnsafeCheckpoint, UnsupportedModel
from retrieval_predictor.model.modules import read_json, read_modules

log = structlog.get_logger(__name__)

_TOKEN_HEADS = ("sparse_linear", "colbert_linear")
"""Stems of the files with bge-m3's layers over tokens, `.safetensors` or PyTorch's `.pt`."""

_LEGACY_MODES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
POOLING_MODES = frozenset(_LEGACY_MODES.values())
"""The modes of sentence-transformers' `Pooling`."""

_SENTENCE_FILES = ("bert", "roberta", "distilbert", "camembert", "albert", "xlm-roberta", "xlnet")
"""sentence-transformers has named its own file after the model's kind, `sentence_bert_config.json`
in the end for all of them; the first that is there counts."""

_POSITIONS_AFTER_PADDING = {"roberta", "xlm-roberta", "camembert", "mpnet"}
"""Families that count positions from `padding_idx + 1` (fairseq's learned positions)."""

_UNBOUNDED_TOKENS = 1_000_000
"""Stands for a model without a limit, such as one with relative positions."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What the files of a checkpoint say about serving it.

    `pooling` lists the modes whose results are concatenated, `dense` the folders of projection
    layers after it. `max_tokens` is the longest input the authors meant, special tokens included,
    and `max_positions` the longest one the model has positions for. `answers` are the token ids
    that a language model scores with, where sentence-transformers' `LogitScore` names them.
    `activation` is what a cross-encoder's logit goes through, "Sigmoid" where nothing is said.
    `has_own_code` says whether Python files that define the model come with it. `token_heads` are
    the files with layers over single tokens, by their stems. `kind` is the class of
    sentence-transformers that saved it, "SentenceTransformer" where nothing is said. `lowercases`
    says whether texts are put in lower case whatever the tokenizer does.
    """

    folder: Path
    uri: str
    architecture: str
    model_type: str
    has_own_code: bool
    pooling: tuple[str, ...]
    dense: tuple[Path, ...]
    normalise: bool
    max_tokens: int
    max_positions: int
    prompts: dict[str, str]
    default_prompt: str | None
    answers: tuple[int | None, int | None] | None
    activation: str
    token_heads: dict[str, Path]
    kind: str
    lowercases: bool = False


def read_checkpoint(folder: Path, uri: str) -> Checkpoint:
    """Read every file that decides how a checkpoint is served.

    Raises:
        UnsupportedModel: A sentence-transformers module that this version does not have, or a
            file that cannot be read.
    """
    modules = read_modules(folder, uri)
    config = read_json(modules.model / "config.json", uri)
    prompts = read_json(folder / "config_sentence_transformers.json", uri)
    sentence = _sentence_config(modules.model, uri)
    return Checkpoint(
        folder=modules.model,
        uri=uri,
        architecture=(config.get("architectures") or [config.get("model_type", "unknown")])[0],
        model_type=str(config.get("model_type", "unknown")),
        has_own_code="auto_map" in config,
        pooling=_pooling(modules.pooling, uri),
        dense=modules.dense,
        normalise=modules.normalise,
        max_tokens=_max_tokens(modules.model, config, sentence, uri),
        max_positions=_max_positions(config),
        prompts=prompts.get("prompts") or {},
        default_prompt=prompts.get("default_prompt_name"),
        answers=_answers(modules.logit_score, uri),
        activation=_activation(config, prompts if modules.are_listed else {}),
        token_heads=_token_heads(folder),
        kind=prompts.get("model_type") or "SentenceTransformer",
        lowercases=bool(sentence.get("do_lower_case")),
    )


def require_safetensors(checkpoint: Checkpoint) -> None:
    """Refuse a checkpoint whose weights are only pickled.

    Raises:
        UnsafeCheckpoint: There is no `.safetensors` file, of the model or of a projection.
    """
    for folder in (checkpoint.folder, *checkpoint.dense):
        if not any(path.stem not in _TOKEN_HEADS for path in folder.glob("*.safetensors")):
            pickles = sorted(path.name for path in folder.glob("*.bin"))
            raise UnsafeCheckpoint(checkpoint.uri, ", ".join(pickles) or "no weights at all")


def without_pickles(checkpoint: Checkpoint) -> Checkpoint:
    """The checkpoint without layers over tokens that are only pickled; a warning names them."""
    kept = {stem: path for stem, path in checkpoint.token_heads.items() if path.suffix != ".pt"}
    pickled = sorted(set(checkpoint.token_heads) - set(kept))
    if pickled:
        remedy = "convert them to safetensors, or set model.allowPickle: true if you trust them"
        log.warning("outputs_left_out", files=[f"{stem}.pt" for stem in pickled], remedy=remedy)
    return replace(checkpoint, token_heads=kept)


def read_rows(checkpoint: Checkpoint, tensor: str, rows: tuple[int, ...]) -> Tensor | None:
    """Some rows of a saved matrix, (len(rows), width), or None where it was not saved.

    Nothing else of the matrix is read.
    """
    for path in sorted(checkpoint.folder.glob("*.safetensors")):
        with safe_open(path, framework="pt") as weights:
            if tensor in weights.keys():  # noqa: SIM118  (it is no mapping)
                return torch.cat([weights.get_slice(tensor)[row : row + 1] for row in rows])
    return None


def _token_heads(folder: Path) -> dict[str, Path]:
    files = [folder / f"{stem}{kind}" for stem in _TOKEN_HEADS for kind in (".pt", ".safetensors")]
    return {path.stem: path for path in files if path.is_file()}


def _sentence_config(folder: Path, uri: str) -> dict[str, Any]:
    """sentence-transformers' own file beside the model's."""
    paths = (folder / f"sentence_{kind}_config.json" for kind in _SENTENCE_FILES)
    found = next((path for path in paths if path.is_file()), folder / "none")
    told: dict[str, Any] = read_json(found, uri)
    return told


def _answers(folder: Path | None, uri: str) -> tuple[int | None, int | None] | None:
    if folder is None:
        return None
    config = read_json(folder / "config.json", uri)
    return config.get("true_token_id"), config.get("false_token_id")


def _activation(config: dict[str, Any], saved: dict[str, Any]) -> str:
    """The three places where sentence-transformers has kept it, the newest first."""
    path = (
        saved.get("activation_fn")
        or (config.get("sentence_transformers") or {}).get("activation_fn")
        or config.get("sbert_ce_default_activation_function")
        or "Sigmoid"
    )
    return str(path).rsplit(".", 1)[-1]


def _pooling(folder: Path | None, uri: str) -> tuple[str, ...]:
    if folder is None:
        return ("mean",)
    config = read_json(folder / "config.json", uri)
    if config.get("include_prompt") is False:
        raise UnsupportedModel(uri, "its pooling leaves the prompt's tokens out (include_prompt)")
    modes = config.get("pooling_mode")
    if modes is None:
        return tuple(name for key, name in _LEGACY_MODES.items() if config.get(key)) or ("mean",)
    named = (modes,) if isinstance(modes, str) else tuple(modes)
    unknown = sorted(set(named) - POOLING_MODES)
    if unknown:
        known = ", ".join(sorted(POOLING_MODES))
        raise UnsupportedModel(uri, f"its pooling mode {unknown[0]} is not one of {known}")
    return named


def _max_tokens(folder: Path, config: dict[str, Any], sentence: dict[str, Any], uri: str) -> int:
    tokenizer = read_json(folder / "tokenizer_config.json", uri).get("model_max_length")
    bounds = (sentence.get("max_seq_length"), tokenizer, _max_positions(config))
    return min(int(bound) for bound in bounds if bound)


def _max_positions(config: dict[str, Any]) -> int:
    positions = int(config.get("max_position_embeddings") or _UNBOUNDED_TOKENS)
    if config.get("model_type") in _POSITIONS_AFTER_PADDING:
        positions -= int(config.get("pad_token_id") or 0) + 1
    return positions
