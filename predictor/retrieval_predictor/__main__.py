"""Run one predictor, configured by RETRIEVAL_* variables: `retrieval-predictor`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from pydantic import ValidationError

from retrieval_predictor import __version__, environment
from retrieval_predictor.engine import EXIT_CONFIGURATION
from retrieval_predictor.errors import StartupError
from retrieval_predictor.settings import Settings
from retrieval_predictor.supervisor.run import supervise
from retrieval_predictor.telemetry.logs import configure_logging


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until SIGTERM; returns 78 (EX_CONFIG) where the configuration cannot work."""
    _parser().parse_args(arguments)
    if problems := environment.unknown(os.environ):
        print("\n".join(problems), file=sys.stderr)
        return EXIT_CONFIGURATION
    try:
        settings = Settings()
    except ValidationError as error:
        for problem in error.errors():
            name = "RETRIEVAL_" + "__".join(str(part).upper() for part in problem["loc"])
            print(f"{name}: {problem['msg']}", file=sys.stderr)
        return EXIT_CONFIGURATION
    configure_logging(settings.log_format, settings.log_level)
    try:
        return supervise(settings)
    except StartupError as error:
        print(f"{settings.component.value}: {error}", file=sys.stderr)
        return EXIT_CONFIGURATION


def _parser() -> argparse.ArgumentParser:
    """It takes no arguments: everything is a variable, as pods have it."""
    parser = argparse.ArgumentParser(
        prog="retrieval-predictor",
        description="Serve an embedder or a reranker until SIGTERM.",
        epilog="environment variables [default]:\n" + "\n".join(environment.table()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
