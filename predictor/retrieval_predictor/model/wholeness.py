"""Whether a checkpoint's files are whole, and hold numbers that can be computed with.

What is broken here would be broken after every restart, so it is said once and plainly.
"""

from __future__ import annotations

from pathlib import Path

from safetensors import SafetensorError, safe_open

from retrieval_predictor.errors import UnsupportedModel
from retrieval_predictor.model.modules import read_json

_POINTER = b"version https://git-lfs.github.com/spec/"
_SMALL_BYTES = 1024
"""More than any pointer has."""

_READ_APART = {"sparse_linear.safetensors", "colbert_linear.safetensors"}
"""Layers over tokens: whoever uses them says what is wrong with them."""


def require_whole(folder: Path, uri: str) -> None:
    """Refuse files that are not what their names say.

    Raises:
        UnsupportedModel: A pointer of git-lfs in place of a file, or weights that are cut short.
    """
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.stat().st_size <= _SMALL_BYTES and _is_pointer(path):
            name = path.relative_to(folder)
            raise UnsupportedModel(uri, f"{name} is a pointer of git-lfs: run git lfs pull there")
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")]):
        if path.name in _READ_APART:
            continue
        _require_readable(path, uri)


def _is_pointer(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_POINTER)) == _POINTER


def _require_readable(path: Path, uri: str) -> None:
    """The header says how long the file has to be, and safetensors compares."""
    try:
        with safe_open(path, framework="pt") as weights:
            weights.keys()
    except (SafetensorError, OSError) as error:
        raise UnsupportedModel(uri, f"{path.name} cannot be read ({error})") from error


def require_plain(folder: Path, uri: str) -> None:
    """Refuse weights that take another library to compute with.

    Raises:
        UnsupportedModel: They are quantised.
    """
    quantised = read_json(folder / "config.json", uri).get("quantization_config")
    if quantised:
        method = quantised.get("quant_method") or "bitsandbytes"
        raise UnsupportedModel(
            uri, f"its weights are quantised ({method}); name the checkpoint that it was made of"
        )
