"""Server processes of a lab: started with a log file, waited for, stopped by id, started again."""

from __future__ import annotations

import ctypes
import os
import signal
import ssl
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

_READY_LIMIT_S = 90.0
_POLL_S = 0.03
_PR_SET_PDEATHSIG = 1  # prctl(2)
_LIBC = ctypes.CDLL(None)


@dataclass(frozen=True, slots=True)
class Command:
    """How one server is started, and how to see that it is ready.

    It gets `patience_s` to end after SIGTERM before SIGKILL.
    """

    name: str
    program: Path
    arguments: tuple[str, ...]
    is_ready: Callable[[], bool]
    environment: Mapping[str, str] = field(default_factory=dict)
    patience_s: float = 20.0


class NotReady(Exception):
    """A server ended or took too long; the message has the end of its log."""

    def __init__(self, log: Path, waited_s: float) -> None:
        tail = log.read_text(errors="replace")[-3000:]
        super().__init__(f"{log.stem} ended or is not ready after {waited_s:.0f} s, {log}:\n{tail}")


class Server:
    """One server, which keeps its command line over restarts and dies with this process.

    It is killed when the *thread* that started it ends (prctl(2), PR_SET_PDEATHSIG): start it from
    the main thread.
    """

    def __init__(self, command: Command, folder: Path) -> None:
        self._command = command
        self._process: subprocess.Popen[bytes] | None = None
        self.log = folder / f"{command.name}.log"

    @property
    def pid(self) -> int | None:
        """The process id while it runs."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    def begin(self) -> None:
        """Start the process without waiting; one that runs is left alone."""
        if self.pid is not None:
            return
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                [self._command.program, *self._command.arguments],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=self.log.parent,
                env=os.environ | self._command.environment,
                start_new_session=True,  # a Ctrl-C ends the tests, and they end the servers
                preexec_fn=_die_with_parent,  # noqa: PLW1509 - says what it needs above
            )

    def wait_ready(self) -> None:
        """Return once it is ready.

        Raises:
            NotReady: It ended, or 90 s went by.
        """
        started_s = time.monotonic()
        while not self._command.is_ready():
            waited_s = time.monotonic() - started_s
            if self.pid is None or waited_s > _READY_LIMIT_S:
                raise NotReady(self.log, waited_s)
            time.sleep(_POLL_S)

    def stop(self) -> None:
        """End it politely, or with SIGKILL when its patience is over."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(self._command.patience_s)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()


def answers(url: str, authority: Path | None = None) -> bool:
    """Whether a health endpoint says 200; no proxy is asked."""
    context = ssl.create_default_context(cafile=authority) if authority else None
    handlers = [urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)]
    try:
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as reply:
            return bool(reply.status == 200)
    except (OSError, urllib.error.URLError):
        return False


def _die_with_parent() -> None:
    if sys.platform == "linux":
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
