"""Start the engines and the API workers, restart what may be restarted, and stop in order.

An engine is restarted when it dies: its requests got a 503 from the API workers, which reconnect.
A model that cannot be served as configured ends the whole process, because trying again would only
hide the message. The ports are opened here, once: a connection that comes while a worker is being
restarted waits for it or is another worker's.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from pathlib import Path

import structlog

from retrieval_predictor.edge import socket_name
from retrieval_predictor.settings import Settings
from retrieval_predictor.supervisor.keeper import Keeper
from retrieval_predictor.supervisor.workers import Worker
from retrieval_predictor.telemetry import ledger
from retrieval_predictor.wire import ports, processes

log = structlog.get_logger(__name__)

_ENGINE_GRACE_S = 5.0
_WORKER_GRACE_S = 3.0
"""What a worker needs after its drain timeout, to cancel what is left and send its last spans."""
_LOOK_S = 1.0


class Supervisor:
    """One predictor: its engines, its API workers and the folder they share."""

    def __init__(self, settings: Settings, environment: Mapping[str, str]) -> None:
        self._settings = settings
        has_ipv6 = socket.has_dualstack_ipv6()
        self._http = ports.listen(settings.http_port, has_ipv6=has_ipv6)
        self._grpc = ports.hold(settings.grpc_port, has_ipv6=has_ipv6)
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
        self._workers = tuple(self._worker() for _ in range(settings.workers))
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

    async def _serve(self) -> int:
        workers = {asyncio.create_task(worker.keep()) for worker in self._workers}
        engines = {asyncio.create_task(keeper.keep()) for keeper in self._keepers}
        stop = asyncio.create_task(self._stop.wait())
        burying = asyncio.create_task(self._bury_the_dead())
        done, _ = await asyncio.wait(
            {*engines, *workers, stop}, return_when=asyncio.FIRST_COMPLETED
        )
        if stop in done:
            await self._turn_unready()
        status = 0 if stop in done else next(iter(done)).result()
        log.info("stopping", status=status)
        for task in (*engines, *workers, stop, burying):
            task.cancel()
        await self._end_workers()
        await asyncio.gather(*(keeper.end(_ENGINE_GRACE_S) for keeper in self._keepers))
        return int(status)

    async def _turn_unready(self) -> None:
        """Let the router notice, while what still arrives is computed."""
        for keeper in self._keepers:
            keeper.drain()
        await asyncio.sleep(self._settings.drain_delay_s)

    async def _end_workers(self) -> None:
        """Refuse connections from now on, and have what is in flight finished."""
        self._http.close()
        self._grpc.close()
        grace_s = self._settings.drain_timeout_s + _WORKER_GRACE_S
        await asyncio.gather(*(worker.end(grace_s) for worker in self._workers))

    async def _bury_the_dead(self) -> None:
        """Whichever process dies, what it counted is kept and its gauges go."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for pid in processes.strike_dead(self._folder):
                try:
                    ledger.bury(self._counts, pid)
                except OSError as error:
                    log.warning("metrics_lost", pid=pid, cause=str(error))

    def _worker(self) -> Worker:
        return Worker(self._http, self._environment, self._settings.worker_silence_s)

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
