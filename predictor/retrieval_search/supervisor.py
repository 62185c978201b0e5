"""Start the index process and the API workers, restart what ends, and stop in order."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import tempfile
from asyncio.subprocess import Process
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import structlog

from retrieval_predictor.supervisor.keeper import Keeper, end, start
from retrieval_predictor.supervisor.lives import end_of_pod
from retrieval_predictor.telemetry import ledger
from retrieval_predictor.wire import processes
from retrieval_search import blas
from retrieval_search.edge.remote import SOCKET
from retrieval_search.settings import Settings

log = structlog.get_logger(__name__)

_ENGINE_GRACE_S = 5.0
_LOOK_S = 1.0
_PAUSE_S = 0.5
_BACKLOG = 2048


class Supervisor:
    """One search service: its index process, its API workers and the folder they share."""

    def __init__(self, settings: Settings, folder: Path, environment: Mapping[str, str]) -> None:
        self._settings = settings
        self._folder = folder
        self._counts = folder / "metrics"
        self._counts.mkdir()
        self._environment = {
            **environment,
            "RETRIEVAL_RUNTIME_DIR": str(folder),
            ledger.FOLDER_VARIABLE: str(self._counts),
        }
        self._keeper = Keeper(
            0,
            folder / SOCKET,
            settings.engine_silence_s,
            self._judge,
            module="retrieval_search.engine",
        )
        self._over = asyncio.Event()
        self._stop = asyncio.Event()
        self._workers: set[Process] = set()

    async def run(self) -> int:
        """Serve until told to stop; returns the exit status."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stop.set)
        signal.signal(signal.SIGUSR1, signal.SIG_IGN)  # inherited: an engine may not listen yet
        processes.sign(self._folder, "supervisor")
        with _listening(self._settings.http_port) as listening:
            return await self._serve(listening)

    async def _serve(self, listening: socket.socket) -> int:
        environment = {**self._environment, **blas.one_thread(self._environment, blas.cpu_flags())}
        index = asyncio.create_task(self._keeper.keep(environment))
        over = asyncio.create_task(self._over.wait())
        stop = asyncio.create_task(self._stop.wait())
        count = self._settings.workers
        workers = [asyncio.create_task(self._keep_worker(listening)) for _ in range(count)]
        burying = asyncio.create_task(self._bury_the_dead())
        done, _ = await asyncio.wait({index, over, stop}, return_when=asyncio.FIRST_COMPLETED)
        if stop in done:
            self._keeper.drain()
            await asyncio.sleep(self._settings.drain_delay_s)
        status = 0 if stop in done else end_of_pod([self._keeper.record]) or 1
        log.info("stopping", status=status)
        for task in (index, over, stop, burying, *workers):
            task.cancel()
        grace_s = self._settings.drain_timeout_s + _LOOK_S
        await asyncio.gather(*(end(worker, grace_s) for worker in self._workers))
        await self._keeper.end(_ENGINE_GRACE_S)
        return status

    def _judge(self) -> None:
        """The index process ended: go on, or end."""
        if end_of_pod([self._keeper.record]) is not None:
            self._over.set()

    async def _keep_worker(self, listening: socket.socket) -> None:
        """Run an API worker again and again; one that ends takes its own requests with it."""
        number = listening.fileno()
        while True:
            worker = await start(
                "retrieval_search.edge", self._environment, str(number), sockets=(number,)
            )
            self._workers.add(worker)
            status = await worker.wait()
            self._workers.discard(worker)
            log.error("worker_died", status=status, restart_in_s=_PAUSE_S)
            await asyncio.sleep(_PAUSE_S)

    async def _bury_the_dead(self) -> None:
        """Whichever process dies, what it counted is kept and its gauges go."""
        while True:
            await asyncio.sleep(_LOOK_S)
            for pid in processes.strike_dead(self._folder):
                try:
                    ledger.bury(self._counts, pid)
                except OSError as error:
                    log.warning("metrics_lost", pid=pid, cause=str(error))


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    with socket.create_server(("0.0.0.0", port), backlog=_BACKLOG) as listening:  # noqa: S104
        yield listening


def supervise(settings: Settings) -> int:
    """Serve until SIGTERM; returns the exit status."""
    folder = Path(tempfile.mkdtemp(prefix="retrieval-search-", dir=settings.runtime_dir))

    async def run() -> int:
        return await Supervisor(settings, folder, os.environ).run()

    try:
        return asyncio.run(run())
    finally:
        shutil.rmtree(folder, ignore_errors=True)
