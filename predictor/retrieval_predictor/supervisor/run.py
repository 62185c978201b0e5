"""Start the engines and the API workers, restart what may be restarted, and stop in order.

An engine is restarted when it dies: its requests are computed by another one, or got a 503 from the
API workers, which reconnect. `lives` decides when nothing of that helps and the whole process has
to end. The ports are opened here, once: a connection that comes while a worker is being restarted
waits for it or is another worker's.
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
from typing import Any

import structlog

from retrieval_predictor.edge import socket_name
from retrieval_predictor.engine import graphs_of
from retrieval_predictor.errors import ImpossibleSettings
from retrieval_predictor.settings import Settings
from retrieval_predictor.supervisor.environment import engine_environment, is_remote
from retrieval_predictor.supervisor.keeper import Keeper, end, start
from retrieval_predictor.supervisor.lives import end_of_pod
from retrieval_predictor.supervisor.workers import Worker
from retrieval_predictor.telemetry import ledger
from retrieval_predictor.wire import ports, processes

log = structlog.get_logger(__name__)

_ENGINE_GRACE_S = 5.0
_WORKER_GRACE_S = 3.0
"""What a worker needs after its drain timeout, to cancel what is left and send its last spans."""
_LOOK_S = 1.0
_SOCKET_PATH_BYTES = 107
"""The longest path of a Unix socket (unix(7)), its final zero left out."""


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
        self._over = asyncio.Event()
        self._status = 0

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
        workers = {asyncio.create_task(worker.keep()) for worker in self._workers}
        engines = asyncio.create_task(self._keep_engines())
        stop, over = (asyncio.create_task(one.wait()) for one in (self._stop, self._over))
        burying = asyncio.create_task(self._bury_the_dead())
        tasks = {engines, *workers, stop, over, burying}
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        if stop in done:
            await self._turn_unready()
        elif over not in done:
            self._status = _fault(done)
        log.info("stopping", status=self._status)
        for task in tasks:
            task.cancel()
        await self._end_workers()
        await asyncio.gather(*(keeper.end(_ENGINE_GRACE_S) for keeper in self._keepers))
        return self._status

    async def _keep_engines(self) -> None:
        """Find the model, then run every engine on it, until cancelled."""
        environment = {**self._environment, **await self._source()}
        if self._over.is_set():
            return
        async with asyncio.TaskGroup() as tasks:
            for number, keeper in enumerate(self._keepers):
                own = engine_environment(self._settings, environment, number)
                tasks.create_task(keeper.keep(own))

    async def _source(self) -> dict[str, str]:
        """Where all engines find the model, however often they are started."""
        if not is_remote(self._settings.model):
            return {}
        told = self._folder / "source"
        process = await start("retrieval_predictor.supervisor.source", self._environment, str(told))
        try:
            status = await process.wait()
        except asyncio.CancelledError:
            await end(process, 0.0)
            raise
        if status:
            self._end(status)
            return {}
        return {"RETRIEVAL_MODEL__PATH": os.fsdecode(told.read_bytes())}

    def _judge(self) -> None:
        """An engine died: go on, or end."""
        status = end_of_pod([keeper.record for keeper in self._keepers])
        if status is not None:
            self._end(status)

    def _end(self, status: int) -> None:
        self._status = status
        self._over.set()

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
            bury_the_dead(self._folder, self._counts)

    def _worker(self) -> Worker:
        return Worker(self._http, self._environment, self._settings.worker_silence_s)

    def _keeper(self, number: int) -> Keeper:
        socket = self._folder / socket_name(number)
        return Keeper(number, socket, self._settings.engine_silence_s, self._judge)


def bury_the_dead(folder: Path, counts: Path) -> None:
    """Keep what dead processes counted; whatever goes wrong with that, serving does not end."""
    try:
        for pid in processes.strike_dead(folder):
            ledger.bury(counts, pid)
    except Exception as error:  # noqa: BLE001  (counting is never worth a pod)
        log.warning("metrics_lost", cause=f"{type(error).__name__}: {error}")


def _fault(done: set[asyncio.Task[Any]]) -> int:
    """The status of a supervisor that failed itself; the log has the cause."""
    for task in done:
        log.error("supervisor_failed", exc_info=task.exception())
    return 1


def require_socket_path(folder: Path, component: str) -> None:
    """Refuse a folder in which no engine could open its socket.

    Raises:
        ImpossibleSettings: Its path is too long.
    """
    # what `mkdtemp` and the engine's number make of it
    path = folder / f"retrieval-{component}-12345678" / socket_name(10)
    excess = len(os.fsencode(path)) - _SOCKET_PATH_BYTES
    if excess > 0:
        raise ImpossibleSettings(
            f"runtimeDir {folder} is {excess} bytes too long for the engine's socket, whose path "
            f"may have {_SOCKET_PATH_BYTES}; set RETRIEVAL_RUNTIME_DIR to a shorter one"
        )


def supervise(settings: Settings) -> int:
    """Serve until SIGTERM; returns the exit status.

    Raises:
        ImpossibleSettings: There is no room for the engine's socket.
    """
    require_socket_path(settings.runtime_dir, settings.component.value)

    async def run() -> int:
        return await Supervisor(settings, os.environ).run()

    return asyncio.run(run())
