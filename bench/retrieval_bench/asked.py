"""What a server says of itself beside its answers: its models, its facts, its cache hits.

Every question may go unanswered, by another project's server for one; nothing is concluded then.
"""

from __future__ import annotations

import asyncio
import re
from typing import Any

import orjson
import uvloop

from retrieval_bench.errors import Unreachable
from retrieval_bench.http1 import Pool
from retrieval_bench.targets import Target

TIMEOUT_S = 2.0
_HITS = re.compile(rb"^retrieval_cache_hits_total(?:\{[^}]*\})? (\S+)", re.MULTILINE)


def facts(target: Target) -> Any:
    """The JSON at `/info`, which this project's predictor and TEI have."""
    return _json(target, "/info")


def models(target: Target) -> tuple[str, ...]:
    """The names at `/v1/models`."""
    answer = _json(target, "/v1/models")
    listed = answer.get("data") if isinstance(answer, dict) else None
    return tuple(one["id"] for one in listed or () if isinstance(one, dict) and "id" in one)


def hits(target: Target) -> float | None:
    """Texts that were answered from a cache since the server started; None if it does not say."""
    counted = [float(value) for value in _HITS.findall(_get(target, "/metrics") or b"")]
    return sum(counted) if counted else None


def _json(target: Target, path: str) -> Any:
    try:
        return orjson.loads(_get(target, path) or b"null")
    except ValueError:
        return None


def _get(target: Target, path: str) -> bytes | None:
    if target.parts.scheme == "grpc":
        return None
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_exchange(target, path))


async def _exchange(target: Target, path: str) -> bytes | None:
    pool = Pool(target.parts, target.headers)
    try:
        async with asyncio.timeout(TIMEOUT_S):
            response = await pool.exchange("GET", path, {}, b"")
    except (Unreachable, TimeoutError):
        return None
    finally:
        pool.close()
    return response.body if response.status == 200 else None
