"""Run one predictor, configured by RETRIEVAL_* variables: `retrieval-predictor`."""

from __future__ import annotations

import sys

from pydantic import ValidationError

from retrieval_predictor.engine import EXIT_CONFIGURATION
from retrieval_predictor.errors import StartupError
from retrieval_predictor.settings import Settings
from retrieval_predictor.supervisor.run import supervise
from retrieval_predictor.telemetry.logs import configure_logging


def main() -> int:
    """Serve until SIGTERM; returns 78 (EX_CONFIG) where the configuration cannot work."""
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


if __name__ == "__main__":
    sys.exit(main())
