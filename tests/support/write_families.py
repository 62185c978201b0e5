"""Compare every family with the library it comes from and write what was found into the docs.

python -m tests.support.write_families
"""

from __future__ import annotations

import asyncio
import math
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval_predictor.settings import Precision
from tests.support.families import FAMILIES, Family
from tests.support.parity import Parity, embedding_parity, scoring_parity

DOCS = Path(__file__).parents[2] / "docs" / "models.md"
HEAD = (
    "| architecture | checkpoints | embedder | cross-encoder | fp32 | bf16 |\n"
    "|---|---|---|---|---|---|\n"
)
NONE = "–"


@dataclass(frozen=True, slots=True)
class Limit:
    """The most that a number of an answer may be off, and the least cosine of a vector."""

    difference: float
    cosine: float

    def holds(self, found: Parity) -> bool:
        """Whether what was found is within it."""
        return found.difference <= self.difference and found.cosine >= self.cosine


LIMITS = {Precision.FP32: Limit(2e-5, 0.99999), Precision.BF16: Limit(0.1, 0.9995)}


@dataclass(frozen=True, slots=True)
class Row:
    """A family as documented: what serves it, fp32's largest difference, bf16's lowest cosine."""

    name: str
    examples: str
    embeds: str | None
    classifies: str | None
    difference: float
    cosine: float | None

    def __str__(self) -> str:
        cosine = NONE if self.cosine is None else f"{self.cosine:.5f}"
        ways = (self.embeds or NONE, self.classifies or NONE)
        return (
            f"| {' | '.join((self.name, self.examples, *ways, f'{self.difference:.0e}', cosine))} |"
        )


def measured(family: Family) -> Row:
    """Run a family's comparisons."""
    exact = [*_runs(family, Precision.FP32)]
    rounded = [*_runs(family, Precision.BF16)] if family.embeds else []
    return Row(
        family.name,
        family.examples,
        family.embeds,
        family.classifies,
        _up(max(one.difference for one in exact)),
        min(one.cosine for one in rounded) if rounded else None,
    )


def recorded(docs: Path) -> list[Row]:
    """The rows of the table in a page."""
    table = docs.read_text(encoding="utf-8").partition(HEAD)[2].partition("\n\n")[0]
    return [_row(line) for line in table.splitlines()]


def _row(line: str) -> Row:
    name, examples, embeds, classifies, difference, cosine = line.strip("| ").split(" | ")
    return Row(
        name,
        examples,
        None if embeds == NONE else embeds,
        None if classifies == NONE else classifies,
        float(difference),
        None if cosine == NONE else float(cosine),
    )


def _runs(family: Family, precision: Precision) -> Iterator[Parity]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if family.embeds:
            made = family.embedder(folder / "embedder")
            yield asyncio.run(embedding_parity(made, folder, precision, family.prompts))
        if family.classifies:
            made = family.classifier(folder / "classifier")
            yield asyncio.run(scoring_parity(made, folder, precision))


def _up(number: float) -> float:
    """The next number with one digit."""
    unit: float = 10.0 ** math.floor(math.log10(number))
    return math.ceil(number / unit) * unit


def main() -> None:
    """Replace the table in the docs."""
    page = DOCS.read_text(encoding="utf-8")
    before, _, after = page.partition(HEAD)
    rows = "\n".join(str(measured(family)) for family in FAMILIES)
    DOCS.write_text(before + HEAD + rows + "\n\n" + after.partition("\n\n")[2], encoding="utf-8")


if __name__ == "__main__":
    main()
