"""The modules of a sentence-transformers checkpoint: which there are, where, and in which order."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retrieval_predictor.errors import UnsupportedModel

_ORDER = ("Transformer", "Pooling", "Dense", "Normalize", "LogitScore")
"""The order in which they are computed here; others are refused, because they give other vectors.

A cross-encoder of a language model has no more than the first and the last."""

_NEEDS_CONFIG = {"Pooling", "Dense", "LogitScore"}


@dataclass(frozen=True, slots=True)
class Modules:
    """What `modules.json` names, by its folders; `model` holds the weights and the tokenizer."""

    model: Path
    pooling: Path | None = None
    dense: tuple[Path, ...] = ()
    normalise: bool = False
    logit_score: Path | None = None
    are_listed: bool = False


def read_modules(folder: Path, uri: str) -> Modules:
    """The modules of a checkpoint; a bare transformers one has none of its own.

    Raises:
        UnsupportedModel: One that this version does not have, in another order, or with its files
            missing or outside of the checkpoint.
    """
    listed = read_json(folder / "modules.json", uri, default=[])
    found = [(str(one["type"]).rsplit(".", 1)[-1], str(one["path"])) for one in listed]
    _require_order([kind for kind, _ in found], uri)
    folders = [(kind, _inside(folder, kind, path, uri)) for kind, path in found]
    by_kind = dict(folders)
    return Modules(
        model=by_kind.get("Transformer", folder),
        pooling=by_kind.get("Pooling"),
        dense=tuple(path for kind, path in folders if kind == "Dense"),
        normalise="Normalize" in by_kind,
        logit_score=by_kind.get("LogitScore"),
        are_listed=bool(listed),
    )


def read_json(path: Path, uri: str, default: Any = None) -> Any:
    """A JSON file of a checkpoint, the default (an object) where there is no such file.

    Raises:
        UnsupportedModel: It is not JSON: cut short, or a pointer of git-lfs.
    """
    if not path.is_file():
        return {} if default is None else default
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UnsupportedModel(uri, f"its {path.name} is not JSON ({error})") from error


def _require_order(kinds: list[str], uri: str) -> None:
    for kind in kinds:
        if kind not in _ORDER:
            raise UnsupportedModel(uri, f"its module {kind} is not one of {', '.join(_ORDER)}")
    if kinds != sorted(kinds, key=_ORDER.index):
        raise UnsupportedModel(
            uri,
            f"its modules come as {', '.join(kinds)}; this version computes them in the order "
            f"{', '.join(_ORDER)}",
        )


def _inside(folder: Path, kind: str, path: str, uri: str) -> Path:
    """The folder of a module, with the configuration that decides what it computes."""
    own = folder / path
    if not own.resolve().is_relative_to(folder.resolve()):
        raise UnsupportedModel(uri, f"modules.json names {path}, outside of the checkpoint")
    if kind in _NEEDS_CONFIG and not (own / "config.json").is_file():
        raise UnsupportedModel(
            uri, f"modules.json names {kind} in {path}, and there is no {path}/config.json"
        )
    return own
