"""`retrieval-search serve`: serve an index. An option stands for a RETRIEVAL_* variable.

`retrieval-search run SOURCE`: everything a search needs as processes of this machine.

Exit status: 0 done, 2 the command line is wrong, 78 (EX_CONFIG) the configuration cannot work.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from pydantic import ValidationError

from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_search.commands.local import run_locally
from retrieval_search.engine import EXIT_CONFIGURATION
from retrieval_search.settings import Settings
from retrieval_search.supervisor import supervise

_OPTIONS = {
    "index": ("RETRIEVAL_INDEX", "folder of the index"),
    "embedder": ("RETRIEVAL_EMBEDDER__URL", "address of the embedder"),
    "reranker": ("RETRIEVAL_RERANKER__URL", "address of the reranker"),
    "port": ("RETRIEVAL_HTTP_PORT", "port to listen on; 8080"),
    "workers": ("RETRIEVAL_WORKERS", "API worker processes; 1"),
    "name": ("RETRIEVAL_SERVED_NAME", "name of the index on the wire; search"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    args = _parser().parse_args(argv)
    if args.command == "run":
        return run_locally(args.source, args.index, args.port_base)
    for option, (variable, _) in _OPTIONS.items():
        if (value := getattr(args, option)) is not None:
            os.environ[variable] = value
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "RETRIEVAL_" + "__".join(str(part).upper() for part in problem["loc"])
            sys.stderr.write(f"{name}: {problem['msg']}\n")
        return EXIT_CONFIGURATION
    configure_logging(settings.log_format, settings.log_level)
    return supervise(settings)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="retrieval-search", description="Search an index.")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    serve = commands.add_parser("serve", help="answer queries until SIGTERM")
    for option, (variable, words) in _OPTIONS.items():
        serve.add_argument(f"--{option}", help=f"{words} ({variable})")
    run = commands.add_parser("run", help="embedder, reranker, index and search on this machine")
    run.add_argument("source", type=Path, help="a .jsonl or .parquet file, or a folder of text")
    run.add_argument("--index", type=Path, help="folder of the index; kept, and used when there")
    run.add_argument("--port-base", type=int, default=8080, help="search; 10 and 20 above: models")
    return parser


if __name__ == "__main__":
    sys.exit(main())
