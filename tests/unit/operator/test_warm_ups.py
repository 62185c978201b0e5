"""A pod is asked for its warm-up with patience, and what it answers is not trusted."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from retrieval_operator.warmups import WarmUp, WarmUps, read, url_of

FIGURES = {"tokens": 512, "forward_s": 0.01, "tokens_per_s": 51200.0, "peak_memory_bytes": 1 << 30}
HEALTHY = {"status": "ok", "phase": "ready", "warm_up": FIGURES}


@asynccontextmanager
async def predictor(answer):
    """A server on this machine that answers GET /health; gives its port."""
    application = web.Application()
    application.router.add_get("/health", answer)
    runner = web.AppRunner(application)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def told(port):
    heard = asyncio.get_running_loop().create_future()
    WarmUps(port).ask("127.0.0.1", heard.set_result)
    return await heard


@pytest.mark.looptime(False)
async def test_a_warm_pod_tells_its_figures():
    async def answer(_):
        return web.json_response(HEALTHY)

    async with predictor(answer) as port:
        assert await told(port) == WarmUp(
            tokens=512, tokens_per_s=51200.0, peak_memory_bytes=1 << 30
        )


@pytest.mark.parametrize(
    "answer",
    [
        web.json_response({"warm_up": None}, status=503),
        web.json_response({"status": "ok"}),
        web.json_response({"warm_up": {**FIGURES, "tokens_per_s": "Infinity"}}),
        web.json_response(["ok"]),
        web.Response(text="ok"),
        web.json_response({**HEALTHY, "more": "x" * 100_000}),
        web.Response(status=302, headers={"Location": "http://127.0.0.1:9/"}),
    ],
    ids=["not ready", "no figures", "no number", "no object", "no json", "too much", "elsewhere"],
)
@pytest.mark.looptime(False)
async def test_any_other_answer_is_none(answer):
    async def give(_):
        return answer

    async with predictor(give) as port:
        assert await told(port) is None


@pytest.mark.looptime(False)
async def test_a_pod_that_is_not_there_is_no_answer():
    async def answer(_):
        return web.json_response(HEALTHY)

    async with predictor(answer) as port:
        pass
    assert await told(port) is None


async def test_a_silent_pod_is_given_up_after_three_seconds():
    release = asyncio.Event()

    async def answer(_):
        await release.wait()
        return web.json_response(HEALTHY)

    loop = asyncio.get_running_loop()
    async with predictor(answer) as port:
        began_s = loop.time()
        assert await told(port) is None
        assert loop.time() - began_s == pytest.approx(3.0, abs=0.5)
        release.set()


def test_an_address_is_an_address():
    assert url_of("10.0.0.7", 8080) == "http://10.0.0.7:8080/health"
    assert url_of("fd00::7", 8080) == "http://[fd00::7]:8080/health"
    with pytest.raises(ValueError, match="elsewhere"):
        url_of("elsewhere/?", 8080)


@pytest.mark.parametrize("answer", [{}, {"warm_up": 3}, {"warm_up": {**FIGURES, "tokens": -1}}])
def test_figures_that_are_none_are_refused(answer):
    with pytest.raises(ValueError, match="no warm-up"):
        read(answer)
