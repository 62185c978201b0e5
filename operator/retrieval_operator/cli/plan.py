"""`retrieval plan -f FILE`: what would run, why, and whether it fits the devices there are."""

from __future__ import annotations

import argparse
import json
import sys

from retrieval_operator.cli import sources
from retrieval_operator.cli.sources import Planned
from retrieval_operator.cli.view import show
from retrieval_operator.plan.objective import Verdict
from retrieval_operator.plan.rows import document
from retrieval_operator.plan.seats import Waits
from retrieval_operator.render.text import to_yaml


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    sources.add_arguments(parser)
    parser.add_argument(
        "-o",
        "--output",
        choices=("table", "json", "yaml"),
        default="table",
        help="how to print the plan; default: %(default)s",
    )


def run(args: argparse.Namespace) -> int:
    """Print the plan of every component; 1 when one of them is refused."""
    planned = sources.read_plans(args)
    if args.output == "table":
        show(planned, sys.stdout)
    else:
        print(_text(planned, args.output), end="")
    return 1 if any(one.is_refused for one in planned) else 0


def _text(planned: tuple[Planned, ...], output: str) -> str:
    documents = [_document(one) for one in planned]
    if output == "json":
        return json.dumps(documents, indent=2, ensure_ascii=False) + "\n"
    return to_yaml(documents)


def _document(planned: Planned) -> dict[str, object]:
    metadata = planned.service.metadata
    return {
        "name": metadata.name,
        "namespace": metadata.namespace,
        "unsupported": [str(gap) for gap in planned.gaps],
        "components": [
            document(answer)
            | _waits(planned.waits.get(name))
            | _verdict(planned.verdicts.get(name))
            for name, answer in planned.answers.items()
        ],
    }


def _waits(waits: Waits | None) -> dict[str, object]:
    return {} if waits is None else {"fits": False, "waits": str(waits)}


def _verdict(verdict: Verdict | None) -> dict[str, object]:
    if verdict is None:
        return {}
    return {
        "objective": {
            "met": verdict.is_met,
            "heldRequests": verdict.held_requests,
            "suggestedReplicas": verdict.suggested_replicas,
            "message": verdict.message,
        }
    }
