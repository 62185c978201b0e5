"""Keep the API workers running: each is started again when it ends, and replaced when it hangs."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import NoReturn

import structlog

from retrieval_predictor.supervisor.keeper import end
from retrieval_predictor.wire import processes

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 10.0
_LOOK_S = 1.0
_START_LOOKS = 300
"""A worker imports for seconds, on a busy node for many of them, before it can show a sign."""


@dataclass(frozen=True, slots=True)
class Watched:
    """What was seen of a worker: its last sign of life, and for how many looks it was the last.

    Looks are counted, not seconds, so that a machine that stood still as a whole is not taken for
    a worker that hangs.
    """

    beat_ns: int = 0
    silent_looks: int = 0

    def looked(self, beat_ns: int) -> Watched:
        """After one more look, at which the last sign was this one; 0 before the first."""
        return Watched(beat_ns, self.silent_looks + 1 if beat_ns == self.beat_ns else 0)

    def hangs(self, patience_looks: int) -> bool:
        """Whether the worker is to be replaced."""
        return self.silent_looks >= (patience_looks if self.beat_ns else _START_LOOKS)


class Worker:
    """One API worker: the process that is it at the moment, on a socket that outlives it."""

    def __init__(self, listener: socket, environment: Mapping[str, str], silence_s: float) -> None:
        self._listener = listener
        self._environment = environment
        self._folder = Path(environment["RETRIEVAL_RUNTIME_DIR"])
        self._patience_looks = round(silence_s / _LOOK_S)
        self._process: Process | None = None

    async def keep(self) -> NoReturn:
        """Run the worker again and again, sooner where it had lived for long."""
        pause_s, loop = _FIRST_PAUSE_S, asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            status = await self._live()
            if loop.time() - started_s > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            log.error("worker_died", status=status, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def end(self, grace_s: float) -> None:
        """Have the worker finish what is in flight; by force after the grace period."""
        if self._process is not None:
            await end(self._process, grace_s)

    async def _live(self) -> int:
        """One life of the worker, from its start to its status."""
        descriptor = self._listener.fileno()
        command = (sys.executable, "-m", "retrieval_predictor.edge", str(descriptor))
        self._process = await asyncio.create_subprocess_exec(
            *command, env=self._environment, pass_fds=[descriptor], start_new_session=True
        )
        watch = asyncio.create_task(self._watch(self._process))
        try:
            return await self._process.wait()
        finally:
            watch.cancel()

    async def _watch(self, process: Process) -> None:
        seen = Watched()
        while not seen.hangs(self._patience_looks):
            await asyncio.sleep(_LOOK_S)
            seen = seen.looked(processes.last_beat_ns(self._folder, processes.WORKER, process.pid))
        log.error("worker_hangs", pid=process.pid, looks=seen.silent_looks)
        with contextlib.suppress(ProcessLookupError):
            process.kill()
