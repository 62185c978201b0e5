"""`retrieval history NAME`: the stored plans of a service in a cluster, and why each was made."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from retrieval_operator.cli import cluster
from retrieval_operator.plan.revision import Revision

_HEAD = ("COMPONENT", "REVISION", "CAUSE", "MADE", "PLAN")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    cluster.add_arguments(parser)


def run(args: argparse.Namespace) -> int:
    """Print them, the latest of each component last; that in force is marked."""
    rows = [row(one) for one in cluster.Service(args).stored()]
    sys.stdout.write(table([_HEAD, *rows]))
    return 0


def table(rows: Sequence[Sequence[str]]) -> str:
    """Columns as wide as what stands in them."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = (
        "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    )
    return "\n".join(lines) + "\n"


def row(one: cluster.Stored) -> tuple[str, ...]:
    """What is shown of one plan."""
    number = f"{one.number}  now" if one.is_in_force else str(one.number)
    if one.revision is None:
        return one.component, number, "?", "?", "not readable by this version"
    revision = one.revision
    return one.component, number, revision.cause.value, revision.made, _said(revision)


def _said(revision: Revision) -> str:
    plan = revision.plan
    text = (
        f"{plan.device}, {plan.precision.value.value}, {plan.max_batch_tokens.value} tokens a batch"
    )
    return f"{text}: {revision.why}" if revision.why else text
