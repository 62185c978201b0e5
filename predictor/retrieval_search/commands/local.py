"""A whole search on this machine: embedder and reranker on the built-in model, index, service."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

_PREDICTOR = ("-m", "retrieval_predictor")
_INDEX = ("-m", "retrieval_search.commands.index")
_SERVE = ("-m", "retrieval_search.commands.serve", "serve")
_LOOK_S = 0.2

Running = tuple[subprocess.Popen[bytes], str]
"""A process and the address where it serves."""


class EndedEarly(Exception):
    """A process that should serve has ended; it has said why."""


def run_locally(source: Path, index: Path | None, port: int) -> int:
    """Serve until ^C; returns the exit status."""
    with ExitStack() as stack:
        folder = index or Path(stack.enter_context(tempfile.TemporaryDirectory())) / "index"
        try:
            return _run(stack, source, folder, port)
        except KeyboardInterrupt:
            return 0
        except EndedEarly:
            return 1


def _run(stack: ExitStack, source: Path, index: Path, port: int) -> int:
    embedder = stack.enter_context(_predictor("embedder", port + 10))
    reranker = stack.enter_context(_predictor("reranker", port + 20))
    _wait(embedder)
    if not (index / "CURRENT").exists():
        command = (*_INDEX, "build", str(source), "--index", str(index), "--embedder", embedder[1])
        if status := subprocess.run([sys.executable, *command], check=False).returncode:  # noqa: S603
            return status
    _wait(reranker)
    options = ("--index", str(index), "--embedder", embedder[1], "--reranker", reranker[1])
    chosen = {"RETRIEVAL_HTTP_PORT": str(port), "RETRIEVAL_LOG_FORMAT": "console"}
    search = stack.enter_context(_process((*_SERVE, *options), chosen, port))
    _wait(search)
    sys.stdout.write(
        f"\nsearch    {search[1]}/docs\nasked by  curl -s {search[1]}/v1/search "
        """-d '{"query": "how do I rotate keys?", "top_k": 3}'\nCtrl-C stops\n"""
    )
    sys.stdout.flush()
    return search[0].wait()


def _predictor(component: str, port: int) -> AbstractContextManager[Running]:
    chosen = {
        "RETRIEVAL_COMPONENT": component,
        "RETRIEVAL_HTTP_PORT": str(port),
        "RETRIEVAL_GRPC_PORT": str(port + 1),
        "RETRIEVAL_LOG_LEVEL": "error",
        "RETRIEVAL_LOG_FORMAT": "console",
    }
    return _process(_PREDICTOR, chosen, port)


@contextmanager
def _process(command: tuple[str, ...], chosen: Mapping[str, str], port: int) -> Iterator[Running]:
    environment = {**os.environ, **chosen}
    process = subprocess.Popen([sys.executable, *command], env=environment)  # noqa: S603
    try:
        yield process, f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait()


def _wait(running: Running) -> None:
    process, url = running
    while process.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=5):  # noqa: S310  (our own)
                return
        except (urllib.error.URLError, OSError):
            time.sleep(_LOOK_S)
    raise EndedEarly
