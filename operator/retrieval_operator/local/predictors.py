"""Start predictors, pass their logs on, wait until they are ready, and stop them again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
from asyncio.subprocess import PIPE, STDOUT, Process
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Final

import aiohttp

from retrieval_operator.errors import AuthorError
from retrieval_operator.local.launch import Launch

_POLL_S: Final = 0.2
_STOP_S: Final = 40.0

Say = Callable[[Launch, str], None]


@dataclass(eq=False)
class PortTaken(AuthorError):
    """Something else listens on a port that a predictor needs."""

    code: ClassVar[str] = "PortTaken"
    port: int

    def __str__(self) -> str:
        return f"port {self.port} is taken; stop what listens there, or move all with --port-base"


def require_free(launches: Iterable[Launch]) -> None:
    """Check every port before anything starts.

    Raises:
        PortTaken: Something listens on one of them.
    """
    for port in (port for launch in launches for port in (launch.http_port, launch.grpc_port)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("0.0.0.0", port))  # noqa: S104  (where the predictor will listen)
            except OSError as error:
                raise PortTaken(port) from error


class Predictor:
    """One running predictor."""

    def __init__(self, launch: Launch, process: Process, say: Say) -> None:
        self.launch = launch
        self._process = process
        self._logs = asyncio.create_task(self._pass_logs_on(say))

    @classmethod
    async def start(cls, launch: Launch, say: Say) -> Predictor:
        """Start it in a session of its own, so that Ctrl-C reaches us and not its workers."""
        process = await asyncio.create_subprocess_exec(
            *launch.command,
            env={**os.environ, **launch.environment},
            stdout=PIPE,
            stderr=STDOUT,
            start_new_session=True,
        )
        return cls(launch, process, say)

    async def ended(self) -> int:
        """Its exit status, once it has one and its last words were passed on."""
        status = await self._process.wait()
        await self._logs
        return status

    async def ready(self, session: aiohttp.ClientSession) -> None:
        """Return once `/health` says that its model is warm."""
        while True:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError):
                async with session.get(f"{self.launch.url}/health") as answer:
                    if answer.status == 200:
                        return
            await asyncio.sleep(_POLL_S)

    async def stop(self) -> None:
        """Let it finish what is in flight; insist where it takes too long."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self._process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(self.ended(), _STOP_S)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _pass_logs_on(self, say: Say) -> None:
        stream = self._process.stdout
        if stream is None:
            raise AssertionError("the process was started without a pipe; this is a bug")
        async for line in stream:
            say(self.launch, line.decode("utf-8", "replace").rstrip())
