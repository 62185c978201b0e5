"""What ships: the queries of the dashboards' JSON, with Grafana's variables filled in."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
BOARDS = sorted((ROOT / "grafana" / "dashboards").glob("*.json"))
RULES = ROOT / "grafana" / "rules" / "retrieval.rules.yaml"

NAME = re.compile(r"\b(?:component:)?(?:retrieval_|DCGM_)[A-Za-z0-9_]+(?::\w+)?")
"""A metric or a recorded series in an expression."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One query of one panel."""

    board: str
    panel: str
    kind: str
    expr: str

    def filled(self, window: str) -> str:
        """The expression as Grafana sends it with "All" chosen, over a window such as `30s`."""
        text = self.expr.replace("$__rate_interval", window).replace("$__range", window)
        return re.sub(r"\$\w+", ".*", text)


def documents() -> dict[str, dict[str, Any]]:
    """Every dashboard by its file's stem."""
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in BOARDS}


def panels(document: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Every panel, those of collapsed rows too, rows themselves left out."""
    for panel in document["panels"]:
        if panel["type"] == "row":
            yield from panel["panels"]
        else:
            yield panel


def queries() -> tuple[Asked, ...]:
    """Every query of every panel of every dashboard."""
    return tuple(
        Asked(name, panel["title"], panel["type"], target["expr"])
        for name, document in documents().items()
        for panel in panels(document)
        for target in panel["targets"]
    )
