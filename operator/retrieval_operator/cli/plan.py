"""`retrieval plan -f FILE`: what would run, why, and whether it fits the devices there are."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Final

from retrieval_operator.cli import sources
from retrieval_operator.cli.sources import Planned
from retrieval_operator.cli.verdict import verdict
from retrieval_operator.cli.view import show
from retrieval_operator.plan.result import Plan, Refusal
from retrieval_operator.plan.rows import document
from retrieval_operator.render.text import to_yaml

_KEYS: Final = (
    *("component", "model", "fits", "waits", "reason", "message", "plan", "objective"),
    *("memory", "remedies", "advice"),
)


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
        "components": [_component(planned, answer) for answer in planned.answers.values()],
    }


def _component(planned: Planned, answer: Plan | Refusal) -> dict[str, object]:
    """The answer under the same keys whether it is a plan or a refusal; null where it has none."""
    component = getattr(planned.service.spec, answer.component.value)
    said = {"model": component.model.uri.partition("://")[2], **document(answer)}
    if isinstance(answer, Plan) and (judged := verdict(planned.service, answer)) is not None:
        said["objective"] = {
            "met": judged.is_met,
            "heldRequests": judged.held_requests,
            "suggestedReplicas": judged.suggested_replicas,
            "message": judged.message,
        }
    waits = planned.waits.get(answer.component)
    if waits is not None:
        said |= {"fits": False, "waits": str(waits)}
    return {key: said.get(key) for key in _KEYS}
