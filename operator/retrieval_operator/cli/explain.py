"""`retrieval explain [PATH]`: what a field of the object is, without a cluster."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from retrieval_operator.cli.printing import show
from retrieval_operator.errors import UnknownField
from retrieval_operator.spec.fields import Field, children, find
from retrieval_operator.spec.service import GROUP
from retrieval_operator.spec.support import gaps

_UNKNOWN = 2
_KIND_NAMES = frozenset({"rsvc", "retrievalservice", "retrievalservices"})


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    parser.add_argument(
        "path",
        nargs="?",
        default="spec",
        help="field such as spec.embedder.batching.maxBatchTokens; `rsvc.spec` and "
        "`RetrievalService` are understood as kubectl does; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Print the field at `args.path`; 2 and the nearest names when there is none."""
    try:
        field = find(_within(args.path))
    except UnknownField as error:
        Console(stderr=True, highlight=False).print(Text(str(error)))
        return _UNKNOWN
    show(view(field), sys.stdout)
    return 0


def _within(path: str) -> str:
    """The path below the object, whose kind may stand before it as `kubectl explain` wants it."""
    kind, _, rest = path.partition(".")
    if kind.lower() not in _KIND_NAMES:
        return path
    return rest.removeprefix(f"{GROUP}.").removeprefix(GROUP) or "spec"


def view(field: Field) -> RenderableType:
    """Everything there is to say about a field and the names below it."""
    title = Text.assemble((field.path, "bold"), "  ", (field.kind, "dim"))
    description = Padding(Text(field.description), (0, 0, 1, 2))
    facts = Table.grid(padding=(0, 2), pad_edge=True)
    for name, text in _facts(field):
        facts.add_row(Text(name, style="dim"), Text(text))
    below = children(field.path)
    parts: list[RenderableType] = [title, description]
    parts += [facts, Text()] if facts.row_count else []
    parts += [_children(below)] if below else []
    return Group(*parts)


def _facts(field: Field) -> Iterator[tuple[str, str]]:
    if field.is_required:
        yield "required", "yes"
    for name, text in (
        ("default", field.default),
        ("bounds", field.bounds),
        ("environment", field.env),
    ):
        if text:
            yield name, text
    for rule in field.rules:
        yield "rule", rule
    for path, gap in gaps():
        if path == field.path:
            yield "not yet", f"{gap.values}: {gap.remedy}"


def _children(below: tuple[Field, ...]) -> Table:
    table = Table(box=None, padding=(0, 2), pad_edge=True, header_style="dim")
    for heading in ("field", "type", "default", "meaning"):
        table.add_column(heading, overflow="fold")
    for field in below:
        default = "required" if field.is_required else field.default
        table.add_row(*map(Text, (field.name, field.kind, default, field.description)))
    return table
