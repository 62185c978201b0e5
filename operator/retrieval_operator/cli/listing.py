"""What is known, one line each: for people, as names for scripts, or as JSON."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

_APART = "  "


@dataclass(frozen=True, slots=True)
class Column:
    """A heading, and what stands below it for one item."""

    heading: str
    of: Callable[[Any], str | float]


def add_output(parser: argparse.ArgumentParser) -> None:
    """Declare how to print; `name` is the first column alone."""
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "name", "json"),
        default="table",
        help="how to print; default: %(default)s",
    )


def show(items: Iterable[Any], columns: Sequence[Column], output: str) -> None:
    """Print the items in their order."""
    rows = [[column.of(item) for column in columns] for item in items]
    headings = [column.heading for column in columns]
    if output == "json":
        listed = [dict(zip(headings, row, strict=True)) for row in rows]
        sys.stdout.write(json.dumps(listed, indent=2, ensure_ascii=False) + "\n")
    elif output == "name":
        sys.stdout.writelines(f"{row[0]}\n" for row in rows)
    else:
        sys.stdout.writelines(_lines([headings, *rows]))


def _lines(rows: Sequence[Sequence[str | float]]) -> Iterable[str]:
    texts = [[_text(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*texts, strict=True)]
    is_number = [isinstance(cell, int | float) for cell in rows[1]]
    for row in texts:
        cells = (
            cell.rjust(width) if right else cell.ljust(width)
            for cell, width, right in zip(row, widths, is_number, strict=True)
        )
        yield _APART.join(cells).rstrip() + "\n"


def _text(cell: str | float) -> str:
    return cell if isinstance(cell, str) else f"{cell:g}" if isinstance(cell, float) else str(cell)
