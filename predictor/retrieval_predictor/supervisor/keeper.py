"""Keep one engine running: start it, see that it shows signs of life, start it again."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Mapping, Sequence
from pathlib import Path

import structlog

from retrieval_predictor.engine import EXIT_CONFIGURATION
from retrieval_predictor.wire import processes

log = structlog.get_logger(__name__)

_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.25, 30.0
_LOOK_S = 1.0
PART = "engine"


class Keeper:
    """One engine: its number, its socket, and the process that is it at the moment.

    An engine that has not beaten for `silence_s` is killed, for instance one that was stopped or
    whose loop hangs; one whose model hangs ends itself. Looks are counted, not seconds, so that a
    machine that stood still as a whole is not taken for a dead engine.
    """

    def __init__(
        self,
        number: int,
        socket: Path,
        environment: Mapping[str, str],
        silence_s: float,
        module: str = "retrieval_predictor.engine",
    ) -> None:
        self._number = number
        self._module = module
        self._socket = socket
        self._environment = environment
        self._silence_s = silence_s
        self._process: Process | None = None

    async def keep(self) -> int:
        """Run the engine again and again; returns its status only when that cannot help."""
        pause_s, loop = _FIRST_PAUSE_S, asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            status = await self._live()
            if status == EXIT_CONFIGURATION:
                return status
            if loop.time() - started_s > _LONGEST_PAUSE_S:
                pause_s = _FIRST_PAUSE_S
            log.error("engine_died", engine=self._number, status=status, restart_in_s=pause_s)
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    def drain(self) -> None:
        """Have the engine turn unready; what still arrives is computed."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGUSR1)

    async def end(self, grace_s: float) -> None:
        """Stop the engine, by force after the grace period."""
        if self._process is not None:
            await end(self._process, grace_s)

    async def _live(self) -> int:
        """One life of the engine, from its start to its status."""
        self._socket.unlink(missing_ok=True)
        self._process = await start(self._module, self._environment, str(self._socket))
        watch = asyncio.create_task(self._watch(self._process))
        try:
            return await self._process.wait()
        finally:
            watch.cancel()

    async def _watch(self, process: Process) -> None:
        silent_looks, last_ns = 0, 0
        while silent_looks * _LOOK_S < self._silence_s:
            await asyncio.sleep(_LOOK_S)
            beat_ns = processes.last_beat_ns(self._socket.parent, PART, process.pid)
            silent_looks = silent_looks + 1 if beat_ns == last_ns and beat_ns else 0
            last_ns = beat_ns
        log.error("engine_silent", engine=self._number, pid=process.pid, for_s=self._silence_s)
        with contextlib.suppress(ProcessLookupError):
            process.kill()


async def start(
    module: str, environment: Mapping[str, str], *arguments: str, sockets: Sequence[int] = ()
) -> Process:
    """Start a module of ours in a session of its own, so that a terminal's ^C does not reach it.

    It inherits the sockets, which keep their numbers.
    """
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *arguments,
        env=environment,
        start_new_session=True,
        pass_fds=sockets,
    )


async def end(process: Process, grace_s: float) -> None:
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
