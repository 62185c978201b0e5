"""The `retrieval` command: plan, render, run, watch and explain a RetrievalService, no cluster.

`history`, `replan` and `rollback` ask the cluster that the kubeconfig names.

Each command is a module with `add_arguments(parser)` and `run(args) -> int`. Exit status: 0 done,
1 the planner refused, 2 the input is wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from retrieval_operator.cli import explain, history, plan, render, replan, rollback, run, top
from retrieval_operator.errors import OperatorError

COMMANDS: Final[dict[str, ModuleType]] = {
    "plan": plan,
    "render": render,
    "run": run,
    "top": top,
    "explain": explain,
    "history": history,
    "replan": replan,
    "rollback": rollback,
}

BAD_INPUT: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _parser().parse_args(argv)
    try:
        status: int = COMMANDS[args.command].run(args)
    except OperatorError as error:
        sys.stderr.write(f"{error}\n")
        return BAD_INPUT
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        sys.stderr.close()
        return 0
    return status


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="retrieval",
        description="Plan, render and run a RetrievalService; go by its plans in a cluster.",
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition(": ")[2].strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
    return parser
