"""What a request costs a core of an API worker: the terms that the planner counts.

    python bench/request_cost.py [--requests 2000] [--rounds 5]

An engine that only echoes stands behind a real API worker, which answers one vector of 1024 numbers
in JSON. CPU time is the worker's, by process; so a busy machine changes it little. Printed are a
request on a connection that is kept, what a connection of its own adds, and tokenising.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import tempfile
import time
from pathlib import Path

from tokenizers import Tokenizer

from overhead import EchoEngine, ask, process, until_up
from retrieval_bench.cpu import ProcessTrees
from retrieval_predictor.edge import socket_name
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.settings import ModelSource
from tests.support.ports import free_ports

_CONNECTIONS = 16
_DOCUMENT_WORDS = 400
_DOCUMENTS = 200


async def _kept(port: int, requests: int) -> None:
    each = requests // _CONNECTIONS
    await asyncio.gather(*(ask(port, each) for _ in range(_CONNECTIONS)))


async def _fresh(port: int, requests: int) -> None:
    for _ in range(requests // _CONNECTIONS):
        await asyncio.gather(*(ask(port, 1) for _ in range(_CONNECTIONS)))


async def _cost_ms(port: int, pid: int, requests: int, *, keeps: bool) -> float:
    worker = ProcessTrees([pid])
    before_s = worker.cpu_s()
    await (_kept if keeps else _fresh)(port, requests)
    done = requests // _CONNECTIONS * _CONNECTIONS
    return (worker.cpu_s() - before_s) / done * 1000


def _tokens_s() -> float:
    """Tokens that one core makes of long documents a second."""
    tokenizer = Tokenizer.from_file(str(fetch(ModelSource()) / "tokenizer.json"))
    tokenizer.no_truncation()
    text = "the quick brown fox jumps over a lazy dog " * (_DOCUMENT_WORDS // 9)
    before_s = time.process_time()
    tokens = sum(len(tokenizer.encode(f"{number} {text}")) for number in range(_DOCUMENTS))
    return tokens / (time.process_time() - before_s)


async def _measure(port: int, pid: int, requests: int, rounds: int) -> None:
    await until_up(port)
    kept = [await _cost_ms(port, pid, requests, keeps=True) for _ in range(rounds)]
    fresh = [await _cost_ms(port, pid, requests, keeps=False) for _ in range(rounds)]
    one_ms, new_ms = statistics.median(kept), statistics.median(fresh)
    print(
        f"request on a kept connection   {one_ms:.3f} ms of a core = {1000 / one_ms:,.0f} a second"
    )
    print(f"a connection of its own adds   {new_ms - one_ms:.3f} ms")
    print(f"tokenising long documents      {_tokens_s():,.0f} tokens a second of a core")


async def _main(requests: int, rounds: int) -> None:
    os.environ["TOKENIZERS_PARALLELISM"] = "false"  # as the supervisor has it
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / socket_name(0))
        server = await asyncio.get_running_loop().create_unix_server(EchoEngine, path=path)
        (Path(folder) / "metrics").mkdir()
        port, grpc = free_ports(2)
        environment = {
            "RETRIEVAL_RUNTIME_DIR": folder,
            "RETRIEVAL_HTTP_PORT": str(port),
            "RETRIEVAL_GRPC_PORT": str(grpc),
            "PROMETHEUS_MULTIPROC_DIR": str(Path(folder) / "metrics"),
        }
        with process("-m", "retrieval_predictor.edge", **environment) as worker:
            await _measure(port, worker.pid, requests, rounds)
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.requests, chosen.rounds))
