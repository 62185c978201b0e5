"""Start the engines and the API workers, restart what may be restarted, and stop in order.

An engine is restarted when it dies: its requests got a 503 from the API workers, which reconnect.
A model that cannot be served as configured ends the whole process, because trying again would only
hide the message. KServe restarts its own workers; if its parent dies nothing is left to serve.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import tempfile
from asyncio.subprocess import Process
from collections.abc import Mapping
from pathlib import Path

import structlog

from retrieval_predictor.edge import socket_name
from retrieval_predictor.engine import graphs_of
from retrieval_predictor.settings import Settings
from retrieval_predictor.supervisor.keeper import Keeper, end, start
from retrieval_predictor.telemetry import ledger
from retrieval_predictor.wire import processes

log = structlog.get_logger(__name__)

_LOGGING = Path(__file__).parents[1] / "edge" / "kserve_logging.json"
"""KServe's workers set logging up again from this file before our code gets to run."""

_ENGINE_GRACE_S = 5.0
_LOOK_S = 1.0


class Supervisor:
    """One predictor: its engines, its API workers and the folder they share."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        prefix = f"retrieval-{settings.component.value}-"
        self._folder = Path(tempfile.mkdtemp(prefix=prefix, dir=settings.runtime_dir))
        self._counts = self._folder / "metrics"
        self._counts.mkdir()
        self._environment = {
            "OMP_WAIT_POLICY": "PASSIVE",  # threads that spin starve the workers, see DECISIONS 9
            **environment,
            "RETRIEVAL_RUNTIME_DIR": str(self._folder),
            ledger.FOLDER_VARIABLE: str(self._counts),
            "TOKENIZERS_PARALLELISM": "false",
        }
        self._keepers = tuple(map(self._keeper, range(settings.engine_count)))
        self._stop = asyncio.Event()

    async def run(self) -> int:
        """Serve until told to stop; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # inherited: an engine may not listen yet
        processes.sign(self._folder, "supervisor")
        try:
            return await self._serve()
        finally:
            shutil.rmtree(self._folder, ignore_errors=True)
            shutil.rmtree(graphs_of(self._folder / socket_name(0)), ignore_errors=True)

    async def _serve(self) -> int:
        logging = ("--log_config_file", str(_LOGGING))
        api = await start("retrieval_predictor.edge", self._environment, *logging)
        engines = {asyncio.create_task(keeper.keep()) for keeper in self._keepers}
        gone = asyncio.create_task(api.wait())
        stop = asyncio.create_task(self._stop.wait())
        burying = asyncio.create_task(self._bury_the_dead())
        done, _ = await asyncio.wait({*engines, gone, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop in done:
            await self._drain(api)
        status = 0 if stop in done else next(iter(done)).result()
        log.info("stopping", status=status)
        for task in (*engines, stop, burying):
            task.cancel()
        await end(api, self._settings.drain_timeout_s)
        await asyncio.gather(*(keeper.end(_ENGINE_GRACE_S) for keeper in self._keepers))
        return int(status)

    async def _drain(self, api: Process) -> None:
        """Turn unready, let the router notice, then finish what is in flight."""
        for keeper in self._keepers:
            keeper.drain()
        await asyncio.sleep(self._settings.drain_delay_s)
        await end(api, self._settings.drain_timeout_s)

    async def _bury_the_dead(self) -> None:
        """Whichever process dies, what it counted is kept and its gauges go."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for pid in processes.strike_dead(self._folder):
                try:
                    ledger.bury(self._counts, pid)
                except OSError as error:
                    log.warning("metrics_lost", pid=pid, cause=str(error))

    def _keeper(self, number: int) -> Keeper:
        environment = {**self._environment}
        if self._settings.gpu.count > 1:
            visible = environment.get("CUDA_VISIBLE_DEVICES", "")
            environment["CUDA_VISIBLE_DEVICES"] = device_of(number, visible)
        socket = self._folder / socket_name(number)
        return Keeper(number, socket, environment, self._settings.engine_silence_s)


def device_of(engine: int, visible: str) -> str:
    """The one GPU that an engine may see: the one of its number among those that are visible.

    `visible` is CUDA_VISIBLE_DEVICES, indices or UUIDs (CUDA C++ Programming Guide, "CUDA
    Environment Variables"); empty means all, by index. An engine that is left over sees none.
    """
    devices = [one.strip() for one in visible.split(",") if one.strip()]
    if not devices:
        return str(engine)
    return devices[engine] if engine < len(devices) else "none"


def supervise(settings: Settings) -> int:
    """Serve until SIGTERM; returns the exit status."""

    async def run() -> int:
        return await Supervisor(settings, os.environ).run()

    return asyncio.run(run())
