"""`retrieval rollback NAME --to N`: run a component by a stored plan, or by the latest again."""

from __future__ import annotations

import argparse
import sys
from dataclasses import dataclass
from typing import ClassVar

from retrieval_operator.cli import cluster
from retrieval_operator.errors import AuthorError


@dataclass(eq=False)
class NoSuchPlan(AuthorError):
    """No plan of this number is kept."""

    code: ClassVar[str] = "NoSuchPlan"
    component: str
    number: int
    kept: tuple[int, ...]

    def __str__(self) -> str:
        numbers = ", ".join(map(str, self.kept)) or "none"
        return f"{self.component} has no plan {self.number}; kept are {numbers}"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    cluster.add_arguments(parser)
    cluster.add_component(parser)
    parser.add_argument(
        "--to", type=int, metavar="N", help="number of the plan; omitted: the latest again"
    )


def run(args: argparse.Namespace) -> int:
    """Set the field, and say what it means.

    Raises:
        NoSuchPlan: That plan is not kept.
    """
    service = cluster.Service(args)
    component = service.component(args.component)
    kept = tuple(one.number for one in service.stored() if one.component == component)
    if args.to is not None and args.to not in kept:
        raise NoSuchPlan(component, args.to, kept)
    service.patch({"spec": {component: {"rollbackTo": args.to}}})
    field = f"spec.{component}.rollbackTo"
    sys.stdout.write(
        f"{field} is {args.to}: that plan rules until the field is taken out\n"
        if args.to is not None
        else f"{field} is taken out: the latest plan rules\n"
    )
    return 0
