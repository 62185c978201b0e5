"""A changed line of code is one small layer, and the dependencies stay where they were pulled."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path

from tests.images.store import Image, Store
from tests.support.documented import ROOT


def copied(folder: Path) -> Path:
    """What an image is built from, in another place."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    packages = told["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    for one in (*packages, "images"):
        shutil.copytree(ROOT / one, folder / one, ignore=shutil.ignore_patterns("__pycache__"))
    for one in ("pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / one, folder)
    return folder


def test_a_changed_line_is_a_layer_of_its_own(operator: Image, store: Store, tmp_path: Path):
    context = copied(tmp_path / "context")
    with (context / "operator" / "retrieval_operator" / "__init__.py").open("a") as file:
        file.write("CHANGED = True\n")
    changed = store.build("operator", context, in_layers=True)
    assert changed.layers[:-1] == operator.layers[:-1]
    assert changed.layers[-1] != operator.layers[-1]
