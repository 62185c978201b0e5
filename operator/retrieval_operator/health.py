"""/healthz, /readyz and /metrics of the operator, answered on its own event loop.

Red means that a restart would help: the API server answers and the watch is silent all the same, or
a service has waited too long. While the API server is away the operator is alive and waits.
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
    """What is wrong with the operator; empty lists are healthy and ready."""

    stalls: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pulse:
    """Facts that health is judged on, in seconds; None where it has not happened yet.

    `reachable_s` is how long the API server has answered without a break, `news_s` the age of the
    last thing that the watch heard, `oldest_s` the wait of the oldest service in the queue.
    """

    reachable_s: float | None
    news_s: float | None
    oldest_s: float
    has_heartbeat: bool
    has_listed: bool


def judge(pulse: Pulse, limit_s: float) -> Health:
    """Whether a restart would help, and whether the operator can do its work."""
    stalls = []
    if pulse.has_heartbeat and pulse.reachable_s is not None:
        silent_s = min(pulse.reachable_s, pulse.news_s or pulse.reachable_s)
        if silent_s > limit_s:
            stalls.append(f"the watch has heard nothing for {silent_s:.0f} s")
    if pulse.oldest_s > limit_s:
        stalls.append(f"a service has waited for {pulse.oldest_s:.0f} s")
    missing = () if pulse.has_listed else ("the cluster has not been listed yet",)
    return Health(tuple(stalls), missing)


def application(health: Callable[[], Health], metrics: Callable[[], bytes]) -> web.Application:
    """The three routes; 200 is fine, 503 says what is not."""

    async def alive(_: web.Request) -> web.Response:
        return _answer(health().stalls)

    async def ready(_: web.Request) -> web.Response:
        found = health()
        return _answer((*found.stalls, *found.missing))

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


def _answer(problems: tuple[str, ...]) -> web.Response:
    return web.Response(text="; ".join(problems) or "ok", status=503 if problems else 200)


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
