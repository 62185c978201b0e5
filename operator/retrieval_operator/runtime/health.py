"""/healthz, /readyz and /metrics of the operator, answered on its own event loop.

Red means that a restart would help: the API server answers and the watch is silent all the same, or
an object waits and no pass ends. A long queue is no stall, and while the API server is away the
operator is alive and waits.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Health:
    """What is wrong with the operator; without stalls it is healthy, and ready if nothing misses.

    `notes` are what somebody should know and a restart would not cure.
    """

    stalls: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulse:
    """Facts that health is judged on, in seconds; None where it has not happened yet.

    `reachable_s` is how long the API server has answered without a break, `news_s` the age of the
    last answer to the watch, `oldest_s` the wait of the oldest key in the queue and `passed_s` the
    time since a pass ended. `blind` says why the objects themselves cannot be followed anywhere;
    `gaps` are places that cannot be.
    """

    reachable_s: float | None
    news_s: float | None
    oldest_s: float
    passed_s: float
    has_listed: bool
    blind: str = ""
    gaps: tuple[str, ...] = ()


def judge(pulse: Pulse, limit_s: float) -> Health:
    """Whether a restart would help, and whether the operator can do its work."""
    stalls = []
    if pulse.reachable_s is not None:
        silent_s = min(pulse.reachable_s, pulse.news_s or pulse.reachable_s)
        if silent_s > limit_s:
            stalls.append(f"the watch has heard nothing for {silent_s:.0f} s")
    waits_s = min(pulse.oldest_s, pulse.passed_s)
    if waits_s > limit_s:
        stalls.append(f"objects wait and no pass has ended for {waits_s:.0f} s")
    missing = [] if pulse.has_listed else ["the cluster has not been listed yet"]
    if pulse.blind:
        missing.append(pulse.blind)
    return Health(tuple(stalls), tuple(missing), tuple(f"not followed: {x}" for x in pulse.gaps))


def application(health: Callable[[], Health], metrics: Callable[[], bytes]) -> web.Application:
    """The three routes; 200 is fine, 503 says what is not."""

    async def alive(_: web.Request) -> web.Response:
        found = health()
        return _answer(found.stalls, found.notes)

    async def ready(_: web.Request) -> web.Response:
        found = health()
        return _answer((*found.stalls, *found.missing), found.notes)

    async def scraped(_: web.Request) -> web.Response:
        return web.Response(
            body=metrics(), headers={"Content-Type": "text/plain; version=0.0.4; charset=utf-8"}
        )

    app = web.Application()
    app.add_routes(
        [
            web.get("/healthz", alive),
            web.get("/readyz", ready),
            web.get("/metrics", scraped),
        ]
    )
    return app


def _answer(problems: tuple[str, ...], notes: tuple[str, ...]) -> web.Response:
    text = "; ".join((*(problems or ("ok",)), *notes))
    return web.Response(text=text, status=503 if problems else 200)


@asynccontextmanager
async def listening(app: web.Application, host: str, port: int) -> AsyncIterator[None]:
    """Serve an application for the length of a `with` block.

    Raises:
        OSError: The port is taken.
    """
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, host, port).start()
        log.info("listening", address=str(runner.addresses[0]))
        yield
    finally:
        await runner.cleanup()
