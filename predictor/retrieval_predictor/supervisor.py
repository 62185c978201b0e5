"""Start the engine and the API workers, restart what may be restarted, and stop in order.

The engine is restarted when it dies: its requests got a 503 from the API workers, which reconnect.
A model that cannot be served as configured ends the whole process, because trying again would only
hide the message. KServe restarts its own workers; if its parent dies nothing is left to serve.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import sys
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

import structlog
from prometheus_client.multiprocess import mark_process_dead

from retrieval_predictor import processes
from retrieval_predictor.engine import EXIT_CONFIGURATION
from retrieval_predictor.serving import SOCKET_NAME
from retrieval_predictor.settings import Settings

log = structlog.get_logger(__name__)

_KSERVE_ARGUMENTS = (
    "--log_config_file",
    str(Path(__file__).with_name("serving") / "kserve_logging.json"),
)
"""KServe's workers set logging up again from this file before our code gets to run."""

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_ENGINE_GRACE_S = 5.0


class Supervisor:
    """One predictor: its engine, its API workers and the folder they share."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        prefix = f"retrieval-{settings.component.value}-"
        self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=settings.runtime_dir))
        (self._folder / "metrics").mkdir()
        self._environment = {
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin starve the workers, see DECISIONS 9
            **environment,
            "RETRIEVAL_RUNTIME_DIR": str(self._folder),
            "PROMETHEUS_MULTIPROC_DIR": str(self._folder / "metrics"),
            "TOKENIZERS_PARALLELISM": "false",
        }
        self._engine: Process | None = None
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serve until told to stop; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        processes.sign(self._folder, "supervisor")
        try:
            return await self._serve()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)

    async def _serve(self) -> int:
        api = await self._start("retrieval_predictor.serving", *_KSERVE_ARGUMENTS)
        engine = asyncio.create_task(self._keep_engine())
        gone = asyncio.create_task(api.wait())
        stop = asyncio.create_task(self._stop.wait())
        done, _ = await asyncio.wait({engine, gone, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop in done:
            await self._drain(api)
        status = 0 if stop in done else next(iter(done)).result()
        log.info("stopping", status=status)
        for task in (engine, stop):
            task.cancel()
        await _end(api, self._settings.drain_timeout_s)
        if self._engine is not None:
            await _end(self._engine, _ENGINE_GRACE_S)
        return int(status)

    async def _drain(self, api: Process) -> None:
        """Turn unready, let the router notice, then finish what is in flight."""
        if self._engine is not None and self._engine.returncode is None:
            self._engine.send_signal(signal.SIGUSR1)
        await asyncio.sleep(self._settings.drain_delay_s)
        await _end(api, self._settings.drain_timeout_s)

    async def _keep_engine(self) -> int:
        """Run the engine again and again; returns only when that cannot help."""
        pause_s = _FIRST_PAUSE_S
        while True:
            started_s = asyncio.get_running_loop().time()
            socket = self._folder / SOCKET_NAME
            socket.unlink(missing_ok=True)
            self._engine = await self._start("retrieval_predictor.engine", str(socket))
            status = await self._engine.wait()
            mark_process_dead(self._engine.pid, str(self._folder / "metrics"))  # type: ignore[no-untyped-call]
            if status == EXIT_CONFIGURATION:
                return status
            if asyncio.get_running_loop().time() - started_s > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            log.error("engine_died", status=status, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def _start(self, module: str, *arguments: str) -> Process:
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            module,
            *arguments,
            env=self._environment,
            start_new_session=True,
        )


async def _end(process: Process, grace_s: float) -> None:
    """Ask a process to stop; insist after the grace period."""
    if process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
    try:
        await asyncio.wait_for(process.wait(), grace_s)
    except TimeoutError:
        log.warning("killed", pid=process.pid, grace_s=grace_s)
        process.kill()
        await process.wait()


def supervise(settings: Settings) -> int:
    """Serve until SIGTERM; returns the exit status."""

    async def run() -> int:
        return await Supervisor(settings, os.environ).run()

    return asyncio.run(run())
