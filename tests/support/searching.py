"""Start the real search service on a free port, and stop it again."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.support.ports import free_ports


@dataclass(frozen=True, slots=True)
class Service:
    """A running search service: where it listens, its supervisor and its log."""

    url: str
    process: subprocess.Popen[str]
    log: Path

    def get(self, path: str, **more) -> httpx.Response:
        """One GET."""
        return httpx.get(self.url + path, timeout=60, **more)

    def search(self, query: str | None = None, *, headers=None, **fields) -> httpx.Response:
        """One POST /v1/search."""
        body = fields if query is None else {"query": query, **fields}
        return httpx.post(f"{self.url}/v1/search", json=body, headers=headers, timeout=60)

    def wait_for(self, condition, timeout_s=60.0):
        """Wait until the page /info fulfils a condition."""
        end_s = time.monotonic() + timeout_s
        while time.monotonic() < end_s:
            info = self.get("/info").json()
            if condition(info):
                return info
            time.sleep(0.05)
        raise AssertionError(f"not in {timeout_s} s: {info}\n{self.log.read_text()}")


@contextmanager
def launched(folder: Path, index: Path, **settings: object) -> Iterator[Service]:
    """A search service with these settings (RETRIEVAL_ names, lower case)."""
    (port,) = free_ports(1)
    folder.mkdir(parents=True, exist_ok=True)
    chosen = {
        "http_port": port,
        "runtime_dir": folder,
        "index": index,
        "embedder__protocol": "openai",
        "look_s": 0.2,
        **settings,
    }
    environment = {f"RETRIEVAL_{name.upper()}": str(value) for name, value in chosen.items()}
    log = folder / "log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "retrieval_search.commands.serve", "serve"],
            env={**os.environ, **environment},
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
        )
    try:
        yield Service(f"http://127.0.0.1:{port}", process, log)
    finally:
        process.terminate()
        process.wait(timeout=60)


@contextmanager
def searching(folder: Path, index: Path, **settings: object) -> Iterator[Service]:
    """A search service that is ready."""
    with launched(folder, index, **settings) as service:
        end_s = time.monotonic() + 120
        while time.monotonic() < end_s:
            if service.process.poll() is not None:
                raise AssertionError(f"the service ended:\n{service.log.read_text()}")
            try:
                if service.get("/health").status_code == 200:
                    break
            except httpx.TransportError:
                pass
            time.sleep(0.05)
        yield service
