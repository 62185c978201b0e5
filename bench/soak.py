"""Ask a predictor for a long time, in every way, and print what memory its processes hold.

    python bench/soak.py [--requests 100000] [--minutes 10] [--workers 2] [--model URI]

It ends after so many requests or so many minutes, whichever comes first.
The predictor runs without a result cache, so that memory that grows has no good reason to, and
with a queue so short that long requests fill it. Of a hundred requests 70 are one query, 8 are 16
texts, 6 are 32 documents, 4 are 32 documents with too little time, 4 are cancelled, 4 are not JSON,
2 ask for another model and 2 are too long and must not be cut.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.ports import free_ports

_CLIENTS = 16
_LOOKS = 20
_MAX_QUEUE_TOKENS = 8192
_LINE = re.compile(r'retrieval_process_memory_bytes\{pid="(\d+)",process="(\w+)"\} (\S+)')
_WORDS = "how do I bake a loaf of bread at home with flour water salt and yeast"


class Soak:
    """Sixteen clients with one count of what is sent, and one clock."""

    def __init__(self, url: str, requests: int, minutes: float) -> None:
        self.url = url
        self.sent = 0
        self.seen: Counter[str] = Counter()
        self._requests = requests
        self._minutes = minutes
        self._started_s = time.monotonic()
        self._random = random.Random(0)

    @property
    def done(self) -> float:
        """The part that lies behind: of the requests, or of the time where that is more."""
        return max(self.sent / self._requests, self.minutes / self._minutes)

    @property
    def minutes(self) -> float:
        """Minutes since the start."""
        return (time.monotonic() - self._started_s) / 60

    async def client(self) -> None:
        """Send until all is done."""
        async with httpx.AsyncClient(base_url=self.url, timeout=120) as client:
            while self.done < 1:
                self.sent += 1
                self.seen[await self._one(client)] += 1

    async def _one(self, client: httpx.AsyncClient) -> str:
        dice = self._random.randrange(100)
        words = self._random.sample(_WORDS.split(), 6)
        text = f"{' '.join(words)} {self.sent}"
        if dice < 4:
            return await self._cancelled(client, text)
        answer = await client.post("/v1/embeddings", **_body(dice, text))  # type: ignore[arg-type]
        return str(answer.status_code)

    async def _cancelled(self, client: httpx.AsyncClient, text: str) -> str:
        try:
            await client.post("/v1/embeddings", json={"input": [text] * 8}, timeout=0.005)
        except httpx.TimeoutException:
            return "cancelled"
        return "200"

    async def watch(self) -> None:
        """Print each process's resident memory twenty times over the run."""
        looks = 0
        async with httpx.AsyncClient(base_url=self.url, timeout=120) as client:
            while looks <= _LOOKS:
                if self.done * _LOOKS >= looks:
                    print(await self._memory(client), flush=True)
                    looks += 1
                await asyncio.sleep(0.2)
        print(dict(self.seen), f"{self.sent / self.minutes / 60:.0f} requests/s")

    async def _memory(self, client: httpx.AsyncClient) -> str:
        page = (await client.get("/metrics")).text
        parts = [
            f"{part}[{pid}] {float(size) / 2**20:.1f}" for pid, part, size in _LINE.findall(page)
        ]
        when = f"{self.minutes:5.1f} min, {self.sent:>8} requests"
        return f"{when}, MiB: {'  '.join(sorted(parts))}"


def _body(dice: int, text: str) -> dict[str, object]:
    if dice < 8:
        return {"content": b'{"input": '}
    if dice < 10:
        return {"json": {"input": text, "model": "another"}}
    if dice < 12:
        return {"json": {"input": "word " * 600, "truncate": False}}
    if dice < 22:
        documents: dict[str, object] = {
            "json": {"input": [f"{number} {text} " * 12 for number in range(32)]}
        }
        return documents if dice < 18 else {**documents, "headers": {"x-request-timeout": "0.05"}}
    return {"json": {"input": [text] * 16 if dice < 30 else text}}


def _wait(url: str, process: subprocess.Popen[bytes]) -> None:
    while process.poll() is None:
        try:
            if httpx.get(f"{url}/health", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.2)
    raise SystemExit(f"the predictor ended with {process.returncode}")


async def _run(soak: Soak) -> None:
    await asyncio.gather(soak.watch(), *(soak.client() for _ in range(_CLIENTS)))


def main(requests: int, minutes: float, workers: int, model: str) -> None:
    """Start a predictor, soak it, stop it."""
    http, grpc = free_ports(2)
    with tempfile.TemporaryDirectory() as folder:
        environment = {
            "RETRIEVAL_RUNTIME_DIR": folder,
            "RETRIEVAL_HTTP_PORT": str(http),
            "RETRIEVAL_GRPC_PORT": str(grpc),
            "RETRIEVAL_WORKERS": str(workers),
            "RETRIEVAL_MODEL__URI": model,
            "RETRIEVAL_CACHE_BYTES": "0",
            "RETRIEVAL_BATCHING__MAX_QUEUE_TOKENS": str(_MAX_QUEUE_TOKENS),
            "RETRIEVAL_LOG_FORMAT": "console",
        }
        command = [sys.executable, "-m", "retrieval_predictor"]
        process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603
        try:
            url = f"http://127.0.0.1:{http}"
            _wait(url, process)
            asyncio.run(_run(Soak(url, requests, minutes)))
        finally:
            process.terminate()
            process.wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--model", default="builtin://all-MiniLM-L6-v2")
    chosen = parser.parse_args()
    main(chosen.requests, chosen.minutes, chosen.workers, chosen.model)
