"""docs/operator.md tells every reason, setting and metric of the operator as the code has them."""

from __future__ import annotations

from pathlib import Path

from retrieval_operator.derive import MEANINGS
from retrieval_operator.metrics import Metrics, Reading
from retrieval_operator.process import READINGS
from retrieval_operator.settings import table
from retrieval_operator.world import Store

PAGE = Path(__file__).parents[2] / "docs" / "operator.md"


def rows(*heads: str, cells) -> str:
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *(f"| {' | '.join(row)} |" for row in cells)])


def metrics() -> list[tuple[str, str]]:
    """Every metric with its meaning, as a scrape shows them."""
    found = Metrics()
    found.watch(Store(), tuple(Reading(name, text, lambda: 0.0) for name, text in READINGS.items()))
    lines = found.exposition().decode().splitlines()
    told = [line.split(" ", 3)[2:] for line in lines if line.startswith("# HELP ")]
    return [(f"`{name}`", text) for name, text in told if not name.endswith("_created")]


def test_every_reason_stands_there_with_its_meaning():
    wanted = rows(
        "reason", "meaning", cells=[(f"`{reason}`", text) for reason, text in MEANINGS.items()]
    )
    assert wanted in PAGE.read_text(), f"docs/operator.md should have:\n{wanted}"


def test_every_setting_stands_there_with_its_default():
    cells = [(f"`{name}`", f"`{value}`" if value else "", text) for name, value, text in table()]
    wanted = rows("variable", "default", "meaning", cells=cells)
    assert wanted in PAGE.read_text(), f"docs/operator.md should have:\n{wanted}"


def test_every_metric_stands_there_with_its_meaning():
    wanted = rows("metric", "meaning", cells=metrics())
    assert wanted in PAGE.read_text(), f"docs/operator.md should have:\n{wanted}"
