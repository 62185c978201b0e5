"""Read the facts of a checkpoint folder: its small JSON files and safetensors headers.

The weights are not read. What comes from where: sizes and limits from config.json, parameter count
and dtype from the headers, the authors' shorter limit from sentence-transformers' files.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

from retrieval_operator.errors import AuthorError
from retrieval_operator.facts.config import MissingSize, dims_of, dtype_of, limit_of
from retrieval_operator.facts.family import family_of
from retrieval_operator.facts.model import Dims, Head, ModelFacts
from retrieval_operator.facts.parameters import parameters_of
from retrieval_operator.facts.safetensors import BadHeader, Tensor, read_tensors
from retrieval_operator.spec.choices import Precision

MAX_JSON_BYTES: Final = 64 * 2**20
_INDEX: Final = "model.safetensors.index.json"
_FLOATS: Final = {"F32": Precision.FP32, "F16": Precision.FP16, "BF16": Precision.BF16}
_UNUSED: Final = ("lm_head.", "cls.predictions.")
"""Vocabulary heads: a predictor never computes all logits, so it does not load them."""
_DEFAULT_LIMIT_TOKENS: Final = 512


@dataclass(eq=False)
class BrokenCheckpoint(AuthorError):
    """A folder is no readable checkpoint; `path` is the file to look at."""

    code: ClassVar[str] = "BrokenCheckpoint"
    path: Path
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}"


def read_checkpoint(folder: Path, name: str | None = None) -> ModelFacts:
    """The facts of the model in `folder`, called `name` or like the folder.

    Raises:
        BrokenCheckpoint: config.json or a weights file is missing or malformed.
    """
    config = _object(folder / "config.json")
    try:
        dims = dims_of(config)
    except MissingSize as error:
        raise BrokenCheckpoint(folder / "config.json", str(error)) from error
    tensors = tuple(_loaded(_tensors(folder)))
    advised = _advised(folder)
    return ModelFacts(
        name=name or folder.name,
        family=family_of(str(config.get("model_type", ""))),
        dims=dims,
        parameters=_parameters(folder, config, dims, tensors),
        dtype=_dtype(tensors) or dtype_of(config),
        dimensions=1 if dims.head is Head.CLASSIFIER else _dimensions(folder) or dims.hidden,
        limit_tokens=limit_of(config) or advised or _DEFAULT_LIMIT_TOKENS,
        advised_tokens=advised,
        source=f"config.json and {'safetensors header' if tensors else 'file sizes'}",
        is_pickled=not tensors,
    )


def _object(path: Path) -> dict[str, Any]:
    try:
        if path.stat().st_size > MAX_JSON_BYTES:
            raise BrokenCheckpoint(path, f"larger than {MAX_JSON_BYTES} bytes")
        document = json.loads(path.read_bytes())
    except OSError as error:
        raise BrokenCheckpoint(path, error.strerror or "cannot be read") from error
    except (ValueError, RecursionError) as error:
        raise BrokenCheckpoint(path, "no JSON") from error
    if not isinstance(document, dict):
        raise BrokenCheckpoint(path, "no JSON object")
    return document


def _optional(path: Path) -> dict[str, Any]:
    return _object(path) if path.is_file() else {}


def _shards(folder: Path) -> tuple[Path, ...]:
    if (folder / _INDEX).is_file():
        weight_map = _object(folder / _INDEX).get("weight_map")
        if not isinstance(weight_map, Mapping):
            raise BrokenCheckpoint(folder / _INDEX, "has no weight_map")
        # a shard is a sibling; its name never leads out of the folder
        return tuple(folder / Path(str(name)).name for name in sorted(set(weight_map.values())))
    return tuple(sorted(folder.glob("*.safetensors")))


def _tensors(folder: Path) -> Iterator[Tensor]:
    for path in _shards(folder):
        try:
            with path.open("rb") as stream:
                yield from read_tensors(stream)
        except OSError as error:
            raise BrokenCheckpoint(path, error.strerror or "cannot be read") from error
        except BadHeader as error:
            raise BrokenCheckpoint(path, str(error)) from error


def _loaded(tensors: Iterator[Tensor]) -> Iterator[Tensor]:
    for tensor in tensors:
        if tensor.dtype in _FLOATS and not tensor.name.startswith(_UNUSED):
            yield tensor


def _dtype(tensors: Sequence[Tensor]) -> Precision | None:
    sizes: Counter[str] = Counter()
    for tensor in tensors:
        sizes[tensor.dtype] += tensor.elements
    return _FLOATS[sizes.most_common(1)[0][0]] if sizes else None


def _parameters(
    folder: Path, config: Mapping[str, Any], dims: Dims, tensors: Sequence[Tensor]
) -> int:
    counted = sum(tensor.elements for tensor in tensors)
    known = counted or parameters_of(str(config.get("model_type", "")), dims)
    if not known:
        raise BrokenCheckpoint(
            folder, "no safetensors file, and no formula for its model_type to count parameters"
        )
    return known


def _advised(folder: Path) -> int | None:
    limit = _optional(folder / "sentence_bert_config.json").get("max_seq_length")
    return limit if isinstance(limit, int) and not isinstance(limit, bool) and limit > 0 else None


def _dimensions(folder: Path) -> int | None:
    """The width after sentence-transformers' last Dense layer, where there is one."""
    for path in sorted(folder.glob("*_Dense/config.json"), reverse=True):
        size = _object(path).get("out_features")
        if isinstance(size, int) and size > 0:
            return size
    return None
