"""The sizes in docs/install.md are those of the images."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.images.store import Image
from tests.support.documented import ROOT

ROW = re.compile(r"^\| `retrieval-(\w+)` \| ([\d,]+) MB \|", re.MULTILINE)


def size_bytes(folder: Path) -> int:
    """What the files and links below a folder hold."""
    return sum(path.lstat().st_size for path in folder.rglob("*") if not path.is_dir())


@pytest.mark.parametrize("name", ["operator", "predictor"])
def test_the_documented_size_is_the_measured_one(request: pytest.FixtureRequest, name: str):
    image: Image = request.getfixturevalue(name)
    told = dict(ROW.findall((ROOT / "docs" / "install.md").read_text()))
    documented_mb = int(told[name].replace(",", ""))
    assert size_bytes(image.root / "opt" / "venv") / 1e6 == pytest.approx(documented_mb, rel=0.05)
