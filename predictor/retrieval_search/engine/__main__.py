"""Run the index process: `python -m retrieval_search.engine SOCKET`. Started by the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import uvloop

from retrieval_predictor.errors import StartupError
from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.wire import processes
from retrieval_search.engine import EXIT_CONFIGURATION
from retrieval_search.engine.engine import PART, Engine
from retrieval_search.settings import Settings


def main() -> int:
    """Serve until SIGTERM; returns the exit status."""
    settings, socket = Settings(), Path(sys.argv[1])
    configure_logging(settings.log_format, settings.log_level)
    processes.die_with_parent()
    processes.sign(settings.runtime_dir, PART)
    cores = settings.threads or len(os.sched_getaffinity(0))
    status = 0
    try:
        uvloop.run(_serve(Engine(settings, cores), socket))
    except* StartupError as group:
        print(f"search: {group.exceptions[0]}", file=sys.stderr)
        status = EXIT_CONFIGURATION
    return status


async def _serve(engine: Engine, socket: Path) -> None:
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    loop.add_signal_handler(signal.SIGINT, lambda: None)  # the supervisor decides
    loop.add_signal_handler(signal.SIGUSR1, engine.drain)
    serving = asyncio.create_task(engine.serve(socket))
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({serving, stopping}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    serving.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await serving


if __name__ == "__main__":
    sys.exit(main())
