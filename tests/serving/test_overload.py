"""More than the device can do: what is accepted is answered in time, the rest told at once."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.support.metrics import metric
from tests.support.processes import Predictor, running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

WAIT_S = 0.5
PATIENT_S = 5.0
"""A bucket of the histogram well above the bound, for a machine that others use too."""


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Iterator[Predictor]:
    """Small batches on one core, and half a second of them may wait."""
    with running(
        tmp_path_factory.mktemp("overload"),
        threads=1,
        batching__max_batch_tokens=256,
        batching__max_queue_wait_milliseconds=round(WAIT_S * 1000),
        max_input_tokens=128,
        cache_bytes=0,
    ) as one:
        yield one


async def flood(predictor: Predictor, requests: int) -> list[tuple[httpx.Response, float]]:
    """Answers to as many requests at once, each with its seconds."""
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(base_url=predictor.url, timeout=120, limits=limits) as client:

        async def ask(number: int) -> tuple[httpx.Response, float]:
            texts = [f"{number} {text} " + "slow work " * 50 for text in range(7)]
            started_s = time.monotonic()
            answer = await client.post("/embed", json={"inputs": texts})
            return answer, time.monotonic() - started_s

        return await asyncio.gather(*map(ask, range(requests)))


async def test_over_the_limit_the_excess_is_told_at_once_and_the_rest_is_in_time(predictor):
    answers = await flood(predictor, 150)
    accepted = [took_s for answer, took_s in answers if answer.status_code == 200]
    refused = [(answer, took_s) for answer, took_s in answers if answer.status_code == 429]
    assert accepted
    assert len(accepted) + len(refused) == 150
    assert len(refused) > 50
    assert all(int(answer.headers["retry-after"]) >= 1 for answer, _ in refused)
    assert statistics.median(took_s for _, took_s in refused) < max(accepted)
    page = predictor.get("/metrics").text
    waits, name = {"lane": "query"}, "retrieval_queue_wait_seconds"
    count = metric(page, f"{name}_count", **waits)
    late = count - metric(page, f"{name}_bucket", le=str(PATIENT_S), **waits)
    assert late <= max(1, 0.1 * count)


async def test_after_a_flood_everyone_is_welcome_again(predictor):
    await flood(predictor, 60)
    ((answer, _),) = await flood(predictor, 1)
    assert answer.status_code == 200
