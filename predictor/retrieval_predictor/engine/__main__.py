"""Run one engine: `python -m retrieval_predictor.engine SOCKET`. Started by the supervisor."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from pathlib import Path

import uvloop

from retrieval_predictor.engine import EXIT_CONFIGURATION, EXIT_DEVICE, graphs_of
from retrieval_predictor.engine.engine import Engine
from retrieval_predictor.engine.opening import Folders
from retrieval_predictor.errors import DeviceLost, StartupError
from retrieval_predictor.settings import Settings
from retrieval_predictor.telemetry.logs import configure_logging
from retrieval_predictor.wire import processes


def main() -> int:
    """Serve until SIGTERM; returns the exit status."""
    settings, socket = Settings(), Path(sys.argv[1])
    configure_logging(settings.log_format, settings.log_level)
    processes.die_with_parent()
    processes.sign(settings.runtime_dir, "engine")
    scratch = socket.with_suffix(".files")
    scratch.mkdir(exist_ok=True)
    engine = Engine(settings, Folders(scratch, settings.graph_cache or graphs_of(socket)))
    status = 0
    try:
        uvloop.run(_serve(engine, socket))
    except* StartupError as group:
        print(f"{settings.component.value}: {group.exceptions[0]}", file=sys.stderr)
        status = EXIT_CONFIGURATION
    except* DeviceLost as group:
        print(f"{settings.component.value}: {group.exceptions[0]}", file=sys.stderr, flush=True)
        os._exit(EXIT_DEVICE)  # the device's thread may never end, and a plain exit waits for it
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
