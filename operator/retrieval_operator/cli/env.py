"""`retrieval env -f FILE`: the planned settings as an env file, for a container or systemd."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from retrieval_operator.cli import sources
from retrieval_operator.cli.documents import BadFile
from retrieval_operator.cli.sources import Planned
from retrieval_operator.cli.view import show
from retrieval_operator.render.environment import environment
from retrieval_operator.spec.choices import ComponentName


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare what the command takes."""
    sources.add_arguments(parser)
    parser.add_argument(
        "component",
        nargs="?",
        choices=[name.value for name in ComponentName],
        help="whose settings; may be left out where the object has one component",
    )


def run(args: argparse.Namespace) -> int:
    """Print NAME=VALUE lines; 1, and the reason instead, when the component is refused."""
    planned = sources.read_plans(args)
    if any(one.is_refused for one in planned):
        show(planned, sys.stderr)
        return 1
    if len(planned) != 1:
        raise BadFile(", ".join(args.filename), f"has {len(planned)} objects, env takes one")
    sys.stdout.writelines(_lines(planned[0], _chosen(planned[0], args.component)))
    return 0


def _chosen(planned: Planned, written: str | None) -> ComponentName:
    present = [component.name for component in planned.service.spec.components]
    if written is None and len(present) > 1:
        raise BadFile(planned.service.metadata.name, "say whose settings: embedder or reranker")
    chosen = ComponentName(written) if written else present[0]
    if chosen not in present:
        raise BadFile(planned.service.metadata.name, f"has no {chosen.value}")
    return chosen


def _lines(planned: Planned, chosen: ComponentName) -> Iterator[str]:
    (component,) = (one for one in planned.service.spec.components if one.name is chosen)
    folder = planned.folders.get(chosen)
    plan = planned.plans[chosen]
    yield f"# {planned.service.metadata.name} {chosen.value} on {plan.device}\n"
    settings = environment(component, plan, None if folder is None else str(folder))
    for name, value in settings.items():
        yield f"{name}={value}\n"
