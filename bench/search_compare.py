"""Searches a second and memory, beside the server that people write by hand (homemade_search.py).

    python bench/search_compare.py [--passages 100000] [--seconds 5] [--rounds 3]

Both search the same vectors exactly and are asked with vectors, so that no embedder is measured.
All servers run at once and are loaded in turn by 1, 8 and 64 clients; the median round is shown.
Memory is proportional set size (proc(5), smaps_rollup), all processes of a server together.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import httpx
import numpy as np
import orjson
import psutil

from retrieval_search.build.assembling import Content, assemble
from retrieval_search.build.shards import Workplace
from retrieval_search.index.manifest import EmbedderFacts, Kind
from retrieval_search.index.shelf import Shelf
from retrieval_search.index.space import CANARIES, space_of
from retrieval_search.passages.passage import Passage

DIMENSIONS = 384
CLIENTS = (1, 8, 64)
_SHARD = 10_000
_PORT = 18800


@dataclass(frozen=True, slots=True)
class Server:
    """A server under load."""

    name: str
    url: str
    process: psutil.Process


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--passages", type=int, default=100_000)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        vectors = _index(folder, args.passages)
        servers = _servers(stack, folder)
        _agree(servers, vectors)
        rates = _rates(servers, vectors, args)
        print(f"\n{args.passages:,} passages, {DIMENSIONS} dimensions, exact, top 10\n")
        print("| server | 1 client | 8 clients | 64 clients | MiB |\n|---|---|---|---|---|")
        for server in servers:
            row = (statistics.median(rates[server.name, count]) for count in CLIENTS)
            cells = " | ".join(f"{rate:.0f}/s" for rate in row)
            print(f"| {server.name} | {cells} | {_memory_mib(server.process):,.0f} |")


def _index(folder: Path, count: int) -> np.ndarray:
    """A version of random vectors; each is near to some others, as real ones are."""
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((1000, DIMENSIONS), np.float32)
    shelf = Shelf(folder / "index")
    facts = EmbedderFacts("random", DIMENSIONS)
    space = space_of(facts, rng.standard_normal((len(CANARIES), DIMENSIONS), np.float32))
    workplace = Workplace(shelf.building)
    workplace.folder.mkdir(parents=True)
    for number, start in enumerate(range(0, count, _SHARD)):
        size = min(_SHARD, count - start)
        rows = centres[rng.integers(0, len(centres), size)]
        rows = rows + 0.5 * rng.standard_normal((size, DIMENSIONS), np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        texts = [Passage(str(start + at), f"passage number {start + at}") for at in range(size)]
        workplace.keep(number, texts, rows)
    content = Content(list(workplace.shards()), facts, space, Kind.FLAT)
    assemble(shelf.building / "version", 1, content, lambda _what: None)
    shelf.publish(shelf.building / "version", 1)
    vectors: np.ndarray = np.load(shelf.path(1) / "vectors.npy", mmap_mode="r")
    return vectors


def _servers(stack: ExitStack, folder: Path) -> list[Server]:
    index = folder / "index"
    ours = [sys.executable, "-m", "retrieval_search.commands.serve", "serve"]
    home = [sys.executable, "-m", "uvicorn", "--app-dir", "bench", "homemade_search:app"]
    home += ["--log-level", "error"]
    quiet = {"RETRIEVAL_LOG_LEVEL": "error"}
    where = {"FOLDER": str(index / "versions" / "1")}
    planned = [
        ("ours, 2 API workers", [*ours, "--index", str(index), "--workers", "2", "--port"], quiet),
        ("by hand, 1 worker", [*home, "--port"], where),
        ("by hand, 2 workers", [*home, "--workers", "2", "--port"], where),
    ]
    started = []
    for at, (name, command, environment) in enumerate(planned):
        port = _PORT + at
        process = stack.enter_context(_process([*command, str(port)], environment))
        started.append(Server(name, f"http://127.0.0.1:{port}", psutil.Process(process.pid)))
    for server in started:
        _wait(server)
    return started


@contextmanager
def _process(
    command: Sequence[str], environment: dict[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603
    try:
        yield process
    finally:
        process.terminate()
        process.wait()


def _wait(server: Server) -> None:
    while server.process.is_running():
        try:
            if httpx.get(f"{server.url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.2)


def _body(vector: np.ndarray) -> bytes:
    return orjson.dumps({"vector": vector.tolist(), "top_k": 10})


def _agree(servers: Sequence[Server], vectors: np.ndarray) -> None:
    """Equal recall: every server finds the same passages."""
    for row in (3, 77, 501):
        found = [
            [str(one["id"]) for one in httpx.post(
                f"{server.url}/v1/search", content=_body(vectors[row]), timeout=60,
                headers={"content-type": "application/json"},
            ).json()["results"]]
            for server in servers
        ]  # fmt: skip
        assert all(one == found[0] for one in found), found  # noqa: S101


def _rates(
    servers: Sequence[Server], vectors: np.ndarray, args: argparse.Namespace
) -> dict[tuple[str, int], list[float]]:
    rates: dict[tuple[str, int], list[float]] = {}
    bodies = [_body(vectors[row]) for row in range(0, len(vectors), len(vectors) // 500)]
    for _ in range(args.rounds):
        for count in CLIENTS:
            for server in servers:
                rate = asyncio.run(_loaded(server.url, bodies, count, args.seconds))
                rates.setdefault((server.name, count), []).append(rate)
    return rates


async def _loaded(url: str, bodies: Sequence[bytes], clients: int, seconds: float) -> float:
    """Answers a second to so many clients, each of which waits for its answer."""
    answers, end_s = 0, time.perf_counter() + seconds
    headers = {"content-type": "application/json"}

    async def ask(session: aiohttp.ClientSession, first: int) -> None:
        nonlocal answers
        at = first
        while time.perf_counter() < end_s:
            body = bodies[at % len(bodies)]
            async with session.post(f"{url}/v1/search", data=body, headers=headers) as reply:
                await reply.read()
                if reply.status != 200:
                    raise SystemExit(f"{url} answered {reply.status}")
            answers, at = answers + 1, at + clients

    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector) as session:
        await asyncio.gather(*(ask(session, number) for number in range(clients)))
    return answers / seconds


def _memory_mib(process: psutil.Process) -> float:
    members = [process, *process.children(recursive=True)]
    return sum(one.memory_full_info().pss for one in members) / 2**20


if __name__ == "__main__":
    main()
