"""The chart as another version of it: the same templates under another number.

No version was released before this one, so an upgrade can only be tried between these.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from tests.chart.write import CHART

Change = Callable[[dict[str, Any]], object]


def version() -> str:
    """The chart's own version, which is the operator's image tag too."""
    return str(yaml.safe_load((CHART / "Chart.yaml").read_text())["appVersion"])


def copied(folder: Path, number: str, **changes: Change) -> Path:
    """A copy of the chart with this version; `crd` and `values` change those files."""
    shutil.copytree(CHART, folder)
    _edit(folder / "Chart.yaml", lambda chart: chart.update(version=number, appVersion=number))
    for name, change in changes.items():
        _edit(folder / _FILES[name], change)
    return folder


def older(folder: Path) -> Path:
    """What 0.0.9 might have been: a column and a field fewer, and less memory by default."""
    return copied(folder, "0.0.9", crd=_without_the_last, values=_smaller)


def _without_the_last(crd: dict[str, Any]) -> None:
    served = crd["spec"]["versions"][0]
    served["additionalPrinterColumns"].pop()
    spec = served["schema"]["openAPIV3Schema"]["properties"]["spec"]
    del spec["properties"]["embedder"]["properties"]["prompts"]


def _smaller(values: dict[str, Any]) -> None:
    values["resources"]["limits"]["memory"] = "256Mi"


def _edit(file: Path, change: Change) -> None:
    document = yaml.safe_load(file.read_text())
    change(document)
    file.write_text(yaml.safe_dump(document, sort_keys=False))


_FILES = {"crd": "files/crd.yaml", "values": "values.yaml"}
