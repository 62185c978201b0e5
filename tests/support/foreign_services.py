"""An embedder and a reranker of somebody else's: OpenAI's and Cohere's shapes, vectors of hashes.

`python -m tests.support.foreign_services PORT [DIMENSIONS] [SALT]`. Texts that share words have
vectors that are near; another salt is another embedding space.
"""

from __future__ import annotations

import asyncio
import base64
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import blake2b

import httpx
import numpy as np
from aiohttp import web

from tests.support.ports import free_ports


def vector(text, dimensions, salt):
    """The sum of a fixed random direction for each word."""
    total = np.zeros(dimensions, np.float32)
    for word in re.findall(r"\w+", text.lower()):
        seed = int.from_bytes(blake2b(f"{salt}{word}".encode(), digest_size=8).digest(), "little")
        total += np.random.default_rng(seed).standard_normal(dimensions, np.float32)
    return total / max(float(np.linalg.norm(total)), 1e-9)


def application(dimensions, salt):
    async def embed(request):
        texts = (await request.json())["input"]
        data = [
            {
                "object": "embedding",
                "index": number,
                "embedding": base64.b64encode(vector(text, dimensions, salt).tobytes()).decode(),
            }
            for number, text in enumerate(texts)
        ]
        return web.json_response({"object": "list", "data": data, "model": "hashes"})

    async def rerank(request):
        body = await request.json()
        words = set(re.findall(r"\w+", body["query"].lower()))
        scores = [
            len(words & set(re.findall(r"\w+", one.lower()))) / len(words)
            for one in body["documents"]
        ]
        order = sorted(range(len(scores)), key=lambda index: -scores[index])
        results = [{"index": one, "relevance_score": scores[one]} for one in order]
        return web.json_response({"results": results})

    async def health(_request):
        return web.json_response({"status": "ok"})

    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/embeddings", embed)
    app.router.add_post("/v2/rerank", rerank)
    app.router.add_get("/health", health)
    return app


@contextmanager
def foreign_services(dimensions=64, salt="", port=0) -> Iterator[str]:
    """The address of both services, in a process of their own."""
    port = port or free_ports(1)[0]
    command = [sys.executable, "-m", "tests.support.foreign_services"]
    process = subprocess.Popen([*command, str(port), str(dimensions), salt])
    url = f"http://127.0.0.1:{port}"
    try:
        _wait(url)
        yield url
    finally:
        process.kill()
        process.wait()


def _wait(url):
    end_s = time.monotonic() + 60
    while time.monotonic() < end_s:
        try:
            if httpx.get(f"{url}/health").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.05)
    raise AssertionError(f"nothing answers at {url}")


async def _serve(port, dimensions, salt):
    runner = web.AppRunner(application(dimensions, salt))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    await asyncio.Event().wait()


if __name__ == "__main__":
    number, width, *rest = sys.argv[1:]
    asyncio.run(_serve(int(number), int(width), rest[0] if rest else ""))
