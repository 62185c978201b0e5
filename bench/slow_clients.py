"""Clients that keep an API worker waiting, and what it costs the others: `bench/slow_clients.py`.

    python bench/slow_clients.py [--slow 2000] [--deaf 64] [--seconds 30]

One predictor with one API worker. `--slow` connections send a body a byte a second, `--deaf` ask
for 2048 vectors and never read them, and eight sound clients ask for texts whose vectors are known
from before. Prints one JSON object: what the sound clients were answered, how many of their vectors
were wrong, how many of their requests never ended, and the worker's memory before, at its most and
at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.metrics import workers
from tests.support.processes import Predictor, running

_SOUND = 8
_HUNG_S = 60.0
_MIB = 2**20
_TEXTS = [f"loaf number {number} of bread" for number in range(64)]


@dataclass
class Seen:
    """What the sound clients saw, and the worker's memory, in MiB."""

    statuses: Counter[int] = field(default_factory=Counter)
    wrong: int = 0
    hung: int = 0
    before_mib: float = 0.0
    most_mib: float = 0.0
    end_mib: float = 0.0


async def _slow(port: int, seconds: float) -> None:
    """Send a body, a byte a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 8000000\r\n\r\n")
    for _ in range(round(seconds)):
        writer.write(b" ")
        await asyncio.sleep(1)
    writer.close()
    del reader


async def _deaf(port: int, number: int, seconds: float) -> None:
    """Ask for more than fits in the kernel's buffers, and never read."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1)
    writer.transport.pause_reading()  # type: ignore[attr-defined]
    body = json.dumps({"inputs": [f"{number} {text}" for text in range(2048)]}).encode()
    head = f"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: {len(body)}\r\n\r\n"
    writer.write(head.encode() + body)
    await asyncio.sleep(seconds)
    writer.transport.abort()
    del reader


async def _sound(url: str, truth: np.ndarray, seen: Seen, until_s: float) -> None:
    """Ask again and again, and look at every vector."""
    number = 0
    async with httpx.AsyncClient(base_url=url, timeout=_HUNG_S) as client:
        while asyncio.get_running_loop().time() < until_s:
            number = (number + 7) % len(_TEXTS)
            try:
                answer = await client.post("/embed", json={"inputs": _TEXTS[number]})
            except httpx.TimeoutException:
                seen.hung += 1
                continue
            seen.statuses[answer.status_code] += 1
            if answer.status_code == 200:
                seen.wrong += int(np.abs(np.array(answer.json()[0]) - truth[number]).max() > 1e-4)
            else:
                await asyncio.sleep(0.2)


async def _watch(worker: psutil.Process, seen: Seen) -> None:
    while True:
        seen.most_mib = max(seen.most_mib, _resident_mib(worker))
        await asyncio.sleep(0.2)


def _resident_mib(worker: psutil.Process) -> float:
    return round(worker.memory_info().rss / _MIB, 1)


async def _load(predictor: Predictor, slow: int, deaf: int, seconds: float) -> Seen:
    truth = np.array(predictor.post("/embed", json={"inputs": _TEXTS}).json())
    worker, port = psutil.Process(workers(predictor)[0]), int(predictor.url.rpartition(":")[2])
    seen = Seen(before_mib=_resident_mib(worker))
    until_s = asyncio.get_running_loop().time() + seconds
    watching = asyncio.create_task(_watch(worker, seen))
    await asyncio.gather(
        *(_slow(port, seconds) for _ in range(slow)),
        *(_deaf(port, number, seconds) for number in range(deaf)),
        *(_sound(predictor.url, truth, seen, until_s) for _ in range(_SOUND)),
    )
    await asyncio.sleep(3)
    watching.cancel()
    seen.end_mib = _resident_mib(worker)
    return seen


def main() -> None:
    """Read the arguments, run, print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slow", type=int, default=2000)
    parser.add_argument("--deaf", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30.0)
    chosen = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with (
        tempfile.TemporaryDirectory() as folder,
        running(Path(folder), cache_bytes=0, precision="fp32") as predictor,
    ):
        seen = asyncio.run(_load(predictor, chosen.slow, chosen.deaf, chosen.seconds))
    print(json.dumps(seen.__dict__))


if __name__ == "__main__":
    main()
