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
    """Set the field, and say what it means."""
    sys.stdout.write(go(cluster.Service(args), args.component, args.to) + "\n")
    return 0


def go(service: cluster.Service, named: str | None, number: int | None) -> str:
    """Set or take out the field of a component; what that means.

    Raises:
        NoSuchComponent: It is not clear which is meant.
        NoSuchPlan: That plan is not kept.
    """
    component = service.component(named)
    kept = tuple(one.number for one in service.stored() if one.component == component)
    if number is not None and number not in kept:
        raise NoSuchPlan(component, number, kept)
    service.patch({"spec": {component: {"rollbackTo": number}}})
    field = f"spec.{component}.rollbackTo"
    if number is None:
        return f"{field} is taken out: the latest plan rules"
    return f"{field} is {number}: that plan rules until the field is taken out"
