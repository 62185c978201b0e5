"""Keep one engine running: start it, see that it shows signs of life, start it again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from retrieval_predictor.supervisor.lives import Life, Record, Silence
from retrieval_predictor.wire import processes

log = structlog.get_logger(__name__)

_LOOK_S = 1.0
_FIRST_SIGN_S = 300.0
PART = "engine"


class Keeper:
    """One engine: its number, its socket, and the process that is it at the moment.

    An engine that has not beaten for `silence_s` is killed, for instance one that was stopped or
    whose loop hangs; one whose model hangs ends itself. `ended` is called after each of its lives.
    """

    def __init__(
        self,
        number: int,
        socket: Path,
        silence_s: float,
        ended: Callable[[], None],
        *,
        module: str = "retrieval_predictor.engine",
    ) -> None:
        self._number = number
        self._module = module
        self._socket = socket
        self._silence_s = silence_s
        self._ended = ended
        self._process: Process | None = None
        self.record = Record()

    async def keep(self, environment: Mapping[str, str]) -> None:
        """Run the engine again and again, until cancelled."""
        while True:
            pause_s = self.record.pause_s
            life = await self._live(environment)
            self.record = self.record.after(life)
            log.error("engine_died", engine=self._number, status=life.status, restart_in_s=pause_s)
            self._ended()
            await asyncio.sleep(pause_s)

    def drain(self) -> None:
        """Have the engine turn unready; what still arrives is computed."""
        if self._process is not None and self._process.returncode is None:
            self._process.send_signal(signal.SIGUSR1)

    async def end(self, grace_s: float) -> None:
        """Stop the engine, by force after the grace period."""
        if self._process is not None:
            await end(self._process, grace_s)

    async def _live(self, environment: Mapping[str, str]) -> Life:
        """One life of the engine, from its start to its end."""
        loop = asyncio.get_running_loop()
        started_s = loop.time()
        self._socket.unlink(missing_ok=True)
        processes.forget_ready(self._socket)
        try:
            status = await self._run(environment)
        except OSError as error:  # no process could be made of it
            log.warning("engine_not_started", engine=self._number, cause=str(error))
            status = os.EX_OSERR
        return Life(status, processes.was_ready(self._socket), loop.time() - started_s)

    async def _run(self, environment: Mapping[str, str]) -> int:
        self._process = await start(self._module, environment, str(self._socket))
        watch = asyncio.create_task(self._watch(self._process))
        try:
            return await self._process.wait()
        finally:
            watch.cancel()

    async def _watch(self, process: Process) -> None:
        silence = Silence(int(self._silence_s / _LOOK_S), int(_FIRST_SIGN_S / _LOOK_S))
        while True:
            beat_ns = processes.last_beat_ns(self._socket.parent, PART, process.pid)
            if silence.look(beat_ns):
                break
            await asyncio.sleep(_LOOK_S)
        log.error("engine_silent", engine=self._number, pid=process.pid, for_s=self._silence_s)
        _kill(process)


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
        _kill(process)
        await process.wait()


def _kill(process: Process) -> None:
    with contextlib.suppress(ProcessLookupError):  # it ended by itself just now
        process.kill()
