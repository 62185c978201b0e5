"""Start the real predictor on free ports, and stop it again."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.ports import free_ports

GRAPHS = Path(tempfile.gettempdir()) / f"retrieval-graphs-{os.getuid()}"
"""Models that a test's predictor prepared are there for those of the next."""


@dataclass(frozen=True, slots=True)
class Predictor:
    """A running predictor: where it listens and the process that supervises it."""

    url: str
    grpc: str
    process: subprocess.Popen[str]
    log: Path

    def get(self, path: str) -> httpx.Response:
        """One GET."""
        return httpx.get(self.url + path, timeout=60)

    def post(self, path: str, **more: object) -> httpx.Response:
        """One POST."""
        return httpx.post(self.url + path, timeout=180, **more)  # type: ignore[arg-type]


def wait_until_ready(predictor: Predictor, timeout_s: float = 300.0) -> None:
    """Wait for the model; fails with the log where the process ends first."""
    deadline_s = time.monotonic() + timeout_s
    while time.monotonic() < deadline_s:
        if predictor.process.poll() is not None:
            raise AssertionError(f"the predictor ended:\n{predictor.log.read_text()}")
        try:
            if predictor.get("/health").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"not ready in {timeout_s} s:\n{predictor.log.read_text()}")


@contextmanager
def launched(folder: Path, **settings: object) -> Iterator[Predictor]:
    """A predictor with these settings (RETRIEVAL_ names, lower case); it may not be ready yet."""
    http_port, grpc_port = free_ports(2)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {"http_port": http_port, "grpc_port": grpc_port, "runtime_dir": folder, **settings}
    environment = {f"RETRIEVAL_{name.upper()}": str(value) for name, value in chosen.items()}
    log = folder / "log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "retrieval_predictor"],
            env={"RETRIEVAL_GRAPH_CACHE": str(GRAPHS), **os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    predictor = Predictor(f"http://127.0.0.1:{http_port}", f"127.0.0.1:{grpc_port}", process, log)
    try:
        yield predictor
    finally:
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Ask it to end; one that does not is a failure, and killed so that it disturbs no other test.

    Raises:
        TimeoutExpired: It had to be killed.
    """
    process.terminate()
    try:
        process.wait(timeout=120)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise


@contextmanager
def running(folder: Path, **settings: object) -> Iterator[Predictor]:
    """A predictor that is ready."""
    with launched(folder, **settings) as predictor:
        wait_until_ready(predictor)
        yield predictor
