"""Builders for the load generator's tests: outcomes, a queue in virtual time, a real web server."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Sequence

from aiohttp import web

from retrieval_bench.client import Prepared
from retrieval_bench.corpus import Request
from retrieval_bench.dialects.wire import Call
from retrieval_bench.outcomes import Ending, Outcome, Outcomes, gather


def outcome(
    latency_s: float = 0.1, *, due_s: float = 0.0, ending: Ending = Ending.ANSWERED
) -> Outcome:
    """A request that left when it was due."""
    return Outcome(due_s, due_s, due_s + latency_s, ending)


def outcomes(latencies_s: Sequence[float], *, ending: Ending = Ending.ANSWERED) -> Outcomes:
    """Requests that all left at once."""
    return gather([outcome(latency_s, ending=ending) for latency_s in latencies_s])


class Queue:
    """A server in virtual time: one request after another, `service_s(number)` seconds each."""

    def __init__(self, service_s: Callable[[int], float]) -> None:
        self._service_s = service_s
        self._turn = asyncio.Lock()
        self.in_flight = 0
        self.most_in_flight = 0
        self.indices: list[int] = []

    def prepare(self, index: int) -> Prepared:
        return Prepared(index, Request("", ("",)), Call("/", b""))

    async def send(self, prepared: Prepared, due_s: float) -> Outcome:
        clock = asyncio.get_running_loop().time
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        sent_s = clock()
        self.indices.append(prepared.index)
        async with self._turn:
            await asyncio.sleep(self._service_s(prepared.index))
        self.in_flight -= 1
        return Outcome(due_s, sent_s, clock(), Ending.ANSWERED)


@contextlib.contextmanager
def serving(*routes: web.RouteDef) -> Iterator[str]:
    """A web server in a thread of its own; yields its URL."""
    ready: list[str] = []
    started, stop = threading.Event(), threading.Event()

    async def serve() -> None:
        app = web.Application(client_max_size=2**28)
        app.add_routes(routes)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        ready.append(f"http://{host}:{port}")
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, stop.wait)
        await runner.cleanup()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(timeout=60), "the server did not start"
    try:
        yield ready[0]
    finally:
        stop.set()
        thread.join()
