"""Clients that leave, an engine that stops, SIGTERM under load: nothing is computed for nobody,
nobody waits for ever, nobody who was accepted is refused."""

from __future__ import annotations

import asyncio
import itertools
import os
import signal
from collections.abc import Iterator

import httpx
import pytest
import tritonclient.grpc.aio
from tritonclient.utils import InferenceServerException

from tests.support.metrics import metric, pids
from tests.support.processes import Predictor, running
from tests.support.tensors import text_tensor
from tests.support.waiting import until

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

numbers = itertools.count()

AHEAD, MORE = 100, 600
"""Texts of bulk work that the tests below queue behind, and of their own; the two take turns."""


def fresh(texts: int, words: int = 250) -> list[str]:
    """Texts that nobody has sent before."""
    return [f"{next(numbers)} " + "slow work " * (words // 2) for _ in range(texts)]


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Iterator[Predictor]:
    """One API worker, one batch of 1024 tokens at a time, a queue that takes minutes of work.

    It drains for long enough that every caller is told to leave before connections are closed.
    """
    folder = tmp_path_factory.mktemp("duress")
    limits = {"batching__max_batch_tokens": 1024, "batching__max_queue_wait_milliseconds": 0}
    with running(folder, max_input_tokens=512, drain_delay_s=3, **limits) as one:
        yield one


def read(predictor: Predictor, name: str, **labels: str) -> float:
    return metric(predictor.get("/metrics").text, name, **labels)


def cancelled(predictor: Predictor) -> float:
    return read(predictor, "retrieval_rejected_total", reason="cancelled")


async def until_queued(predictor: Predictor, requests: int) -> None:
    def reached() -> bool:
        return predictor.get("/stats").json()["queue_requests"] == requests

    await asyncio.to_thread(until, reached, 120)


@pytest.fixture
async def busy(predictor: Predictor):
    """While this runs some seconds of bulk work are ahead in the queue."""
    async with httpx.AsyncClient(base_url=predictor.url, timeout=120) as client:
        work = asyncio.create_task(client.post("/embed", json={"inputs": fresh(AHEAD)}))
        await until_queued(predictor, 1)
        yield
        answer = await work
        assert answer.status_code == 200, answer.text


async def test_a_client_that_leaves_while_it_waits_is_never_computed(busy, predictor: Predictor):
    del busy
    before, tokens = cancelled(predictor), read(predictor, "retrieval_input_tokens_total")
    async with httpx.AsyncClient(base_url=predictor.url, timeout=120) as client:
        leaving = asyncio.create_task(client.post("/embed", json={"inputs": fresh(MORE)}))
        await until_queued(predictor, 2)
        leaving.cancel()
        with pytest.raises(asyncio.CancelledError):
            await leaving
    await asyncio.to_thread(until, lambda: cancelled(predictor) == before + 1)
    await until_queued(predictor, 0)
    computed = read(predictor, "retrieval_input_tokens_total") - tokens
    assert computed < (AHEAD + MORE / 2) * 256
    assert read(predictor, "retrieval_requests_total", code="499") >= 1


@pytest.mark.parametrize("way", ["cancel", "deadline"])
async def test_a_grpc_call_that_ends_early_is_never_computed(busy, predictor: Predictor, way: str):
    del busy
    before = cancelled(predictor)
    async with tritonclient.grpc.aio.InferenceServerClient(predictor.grpc) as client:
        assert await client.is_server_live()  # so that no time goes into connecting
        tensor = text_tensor(tritonclient.grpc, "text", fresh(MORE))
        timeout_s = 4.0 if way == "deadline" else None
        call = asyncio.create_task(client.infer("embedder", [tensor], client_timeout=timeout_s))
        if way == "cancel":
            await until_queued(predictor, 2)
            call.cancel()
        with pytest.raises((InferenceServerException, asyncio.CancelledError)):
            await call
    await asyncio.to_thread(until, lambda: cancelled(predictor) == before + 1)


async def test_a_deadline_that_passes_is_told_and_counted(busy, predictor: Predictor):
    del busy
    async with httpx.AsyncClient(base_url=predictor.url, timeout=60) as client:
        answer = await client.post(
            "/embed", json={"inputs": fresh(50)}, headers={"x-request-timeout": "0.3"}
        )
    assert answer.status_code == 504
    assert read(predictor, "retrieval_rejected_total", reason="deadline_exceeded") >= 1


async def test_an_engine_that_stands_still_gives_503_not_silence(predictor: Predictor):
    engine = int(pids(predictor)["engine"])
    os.kill(engine, signal.SIGSTOP)
    try:
        async with httpx.AsyncClient(base_url=predictor.url, timeout=30) as client:
            caught = await client.post("/embed", json={"inputs": fresh(1)})
            later = await client.post("/embed", json={"inputs": fresh(1)})
            ready = await client.get("/v2/health/ready")
            alive = await client.get("/v2/health/live")
    finally:
        os.kill(engine, signal.SIGCONT)
    statuses = [answer.status_code for answer in (caught, later, ready, alive)]
    assert statuses == [503, 503, 503, 200]
    await asyncio.to_thread(until, lambda: predictor.get("/v2/health/ready").status_code == 200)


async def test_sigterm_under_load_fails_no_request_that_was_accepted(predictor: Predictor):
    statuses: list[int] = []
    async with (
        httpx.AsyncClient(base_url=predictor.url, timeout=60) as client,
        asyncio.TaskGroup() as callers,
    ):

        async def ask_until_closed() -> None:
            is_open = True
            while is_open:
                answer = await client.post("/embed", json={"inputs": fresh(2, 20)})
                statuses.append(answer.status_code)
                is_open = answer.headers.get("connection") != "close"  # the next is another pod's

        for _ in range(16):
            callers.create_task(ask_until_closed())
        await asyncio.to_thread(until, lambda: len(statuses) >= 32)
        predictor.process.send_signal(signal.SIGTERM)
    assert set(statuses) == {200}
    assert await asyncio.to_thread(predictor.process.wait, 60) == 0
