"""Find the model once for all engines: `python -m retrieval_predictor.supervisor.source FILE`.

A name such as `main` may stand for another commit an hour later, when one engine is started again.
So it is looked up once, and engines are given the folder. It is a process of its own because the
hub's client takes memory that the supervisor would keep.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from retrieval_predictor.engine import EXIT_CONFIGURATION
from retrieval_predictor.errors import StartupError
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.settings import Settings
from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.wire import processes


def main() -> int:
    """Write the model's folder into the file; returns 78 (EX_CONFIG) where there is none."""
    settings = Settings()
    configure_logging(settings.log_format, settings.log_level)
    processes.die_with_parent()
    try:
        folder = fetch(settings.model)
    except StartupError as error:
        sys.stderr.write(f"{settings.component.value}: {error}\n")
        return EXIT_CONFIGURATION
    Path(sys.argv[1]).write_bytes(os.fsencode(folder))
    return 0


if __name__ == "__main__":
    sys.exit(main())
