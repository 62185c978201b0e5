"""Red is what a restart would help; an API server that is away is not."""

from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web

from retrieval_operator.runtime.health import Health, Pulse, application, judge


def pulse(**facts):
    defaults = {
        "reachable_s": 1000.0,
        "news_s": 1.0,
        "oldest_s": 0.0,
        "passed_s": 1.0,
        "has_listed": True,
    }
    return Pulse(**{**defaults, **facts})


@pytest.mark.parametrize(
    ("facts", "is_alive", "is_ready"),
    [
        ({}, True, True),
        ({"news_s": 200.0}, False, True),
        ({"news_s": 200.0, "reachable_s": None}, True, True),
        ({"news_s": 200.0, "reachable_s": 10.0}, True, True),
        ({"news_s": None, "reachable_s": 200.0}, False, True),
        ({"oldest_s": 900.0}, True, True),
        ({"oldest_s": 900.0, "passed_s": 200.0}, False, True),
        ({"oldest_s": 1.0, "passed_s": 9000.0}, True, True),
        ({"blind": "no RetrievalService can be followed"}, True, False),
        ({"gaps": ("Pod in shop: forbidden",)}, True, True),
        ({"has_listed": False}, True, False),
    ],
)
def test_what_is_alive_and_ready(facts, is_alive, is_ready):
    health = judge(pulse(**facts), 120.0)
    assert (not health.stalls, not health.missing) == (is_alive, is_ready)


@asynccontextmanager
async def served(health: Health):
    runner = web.AppRunner(application(lambda: health, lambda: b"metric 1\n"))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    host, port = runner.addresses[0][:2]
    async with aiohttp.ClientSession(f"http://{host}:{port}") as session:
        yield session
    await runner.cleanup()


@pytest.mark.looptime(False)
async def test_probes_answer_503_with_what_is_wrong():
    async with served(Health(stalls=("the watch is silent",))) as session:
        async with session.get("/healthz") as answer:
            assert (answer.status, await answer.text()) == (503, "the watch is silent")
        async with session.get("/readyz") as answer:
            assert answer.status == 503
        async with session.get("/metrics") as answer:
            assert await answer.text() == "metric 1\n"


@pytest.mark.looptime(False)
async def test_an_operator_without_a_listing_is_alive_and_not_ready():
    async with served(Health(missing=("not listed",))) as session:
        async with session.get("/healthz") as answer:
            assert answer.status == 200
        async with session.get("/readyz") as answer:
            assert answer.status == 503


@pytest.mark.looptime(False)
async def test_a_namespace_that_cannot_be_followed_is_named_and_turns_nothing_red():
    health = judge(pulse(gaps=("Pod in shop: forbidden",)), 120.0)
    async with served(health) as session, session.get("/readyz") as answer:
        assert answer.status == 200
        assert await answer.text() == "ok; not followed: Pod in shop: forbidden"
