"""The `retrieval` command: plan, render, run, watch and explain a RetrievalService, no cluster.

`history`, `replan` and `rollback` ask the cluster that the kubeconfig names.

Each command is a module with `add_arguments(parser)` and `run(args) -> int`; those of another
package are found by name (`external`). Exit status: 0 done, 1 the planner refused, 2 the input is
wrong.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from types import ModuleType
from typing import Final

from retrieval_operator import __version__
from retrieval_operator.cli import (
    completion,
    env,
    explain,
    external,
    gpus,
    history,
    models,
    plan,
    render,
    replan,
    rollback,
    run,
    top,
    version,
)
from retrieval_operator.cli.words import Parser
from retrieval_operator.errors import OperatorError

COMMANDS: Final[dict[str, ModuleType]] = {
    "plan": plan,
    "render": render,
    "run": run,
    "env": env,
    "top": top,
    "explain": explain,
    "history": history,
    "replan": replan,
    "rollback": rollback,
    "gpus": gpus,
    "models": models,
    "completion": completion,
    "version": version,
}

BAD_INPUT: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    words = sys.argv[1:] if argv is None else argv
    if words and words[0] in external.EXTRAS:
        return external.run_external(words)
    args = _parser().parse_args(words)
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
    parser = Parser(
        prog="retrieval",
        description="Plan, render and run a RetrievalService; go by its plans in a cluster.",
        epilog="`retrieval index` makes and looks at an index of passages (extra: search).",
    )
    parser.add_argument("--version", action="version", version=f"retrieval {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    helps: dict[str, str] = {}
    for name, module in COMMANDS.items():
        summary = (module.__doc__ or "").partition(": ")[2].strip().splitlines()[0]
        command = commands.add_parser(name, help=summary, description=summary)
        module.add_arguments(command)
        helps[name] = command.format_help()
    parser.set_defaults(helps=helps)
    return parser
