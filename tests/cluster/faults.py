"""An API server that misbehaves on demand: a proxy between a program and the real one.

A program under test connects to `FaultyApi.url` with a bearer token. A test tells it what to answer
to which calls, cuts its watches, and counts what it asked for. All else passes, streams included.
"""

from __future__ import annotations

import asyncio
import json
import logging
import ssl
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final

from aiohttp import ClientError, ClientResponse, ClientSession, ClientTimeout, TCPConnector, web

from tests.cluster.calls import Call, call
from tests.cluster.site import HOST, Site
from tests.support.ports import free_ports

_OF_ONE_HOP: Final = frozenset({"connection", "host", "content-length", "transfer-encoding"})
_REASONS: Final = {
    403: "Forbidden",
    404: "NotFound",
    409: "Conflict",
    410: "Expired",
    429: "TooManyRequests",
    500: "InternalError",
    503: "ServiceUnavailable",
}
_BODY_BYTES: Final = 16 * 2**20
_START_LIMIT_S: Final = 60.0
_QUIET: Final = logging.getLogger(f"{__name__}.quiet")
_QUIET.setLevel(logging.CRITICAL)
"""Clients that go away in the middle of an answer are what tests are about."""
_FOR_EVER: Final = ClientTimeout(total=None)

Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def refusal(status: int, retry_after_s: int | None = None) -> Answer:
    """A Status object with this HTTP status, as the API server writes it."""

    async def answer(_: web.Request) -> web.StreamResponse:
        headers = {} if retry_after_s is None else {"Retry-After": str(retry_after_s)}
        return web.json_response(_status(status), status=status, headers=headers)

    return answer


async def gone(request: web.Request) -> web.StreamResponse:
    """A watch whose resource version is too old: one ERROR event, and the end."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(request)
    await response.write(json.dumps({"type": "ERROR", "object": _status(410)}).encode() + b"\n")
    return response


async def drop(request: web.Request) -> web.StreamResponse:
    """A connection that breaks before any answer."""
    _abort(request)
    raise ConnectionResetError


async def hang(_: web.Request) -> web.StreamResponse:
    """No answer, until the client gives up or the proxy ends."""
    return await asyncio.get_running_loop().create_future()


@dataclass(slots=True)
class _Rule:
    """The next `left` calls that match get this answer; empty words match every call."""

    answer: Answer
    left: int
    verb: str
    resource: str
    name: str

    def takes(self, asked: Call) -> bool:
        wanted = ((self.verb, asked.verb), (self.resource, asked.resource), (self.name, asked.name))
        return self.left > 0 and all(want in {"", got} for want, got in wanted)


class FaultyApi:
    """A running proxy, ruled from the test's thread."""

    def __init__(self, upstream: str, url: str, loop: asyncio.AbstractEventLoop) -> None:
        self.url = url
        self.seen: list[Call] = []
        self._upstream = upstream
        self._loop = loop
        self._rules: list[_Rule] = []
        self._watches: dict[int, web.Request] = {}
        self._flowing = asyncio.Event()
        self._flowing.set()

    def answer(
        self, answer: Answer, *, times: int = 1, verb: str = "", resource: str = "", name: str = ""
    ) -> None:
        """Give the next `times` calls of this kind an answer; what is left empty matches all."""
        self._rules.append(_Rule(answer, times, verb, resource, name))

    def heal(self) -> None:
        """Forget what was to be answered, and let frozen watches go on."""
        self._rules.clear()
        self.heal_watches()

    def heal_watches(self) -> None:
        """Let frozen watches go on; what was to be answered stays."""
        self._loop.call_soon_threadsafe(self._flowing.set)

    def cut_watches(self) -> int:
        """Break every watch that is open now, and say how many there were."""
        open_now = tuple(self._watches.values())
        for request in open_now:
            self._loop.call_soon_threadsafe(_abort, request)
        return len(open_now)

    def freeze_watches(self) -> None:
        """Let no event through until `heal`; the connections stay open."""
        self._loop.call_soon_threadsafe(self._flowing.clear)

    def count(self, **words: str) -> int:
        """How many calls so far have these words: verb, resource, name, subresource, namespace."""
        return sum(
            all(getattr(one, key) == word for key, word in words.items()) for one in self.seen
        )

    def totals(self) -> Counter[tuple[str, str]]:
        """The number of calls so far by verb and resource."""
        return Counter((one.verb, one.resource) for one in self.seen)

    async def handle(self, request: web.Request, session: ClientSession) -> web.StreamResponse:
        """The answer to one request: a rule's, or the API server's."""
        asked = call(request.method, request.path, request.query)
        self.seen.append(asked)
        for rule in self._rules:
            if rule.takes(asked):
                rule.left -= 1
                return await rule.answer(request)
        return await self._forward(request, session, is_watch=asked.verb == "watch")

    async def _forward(
        self, request: web.Request, session: ClientSession, *, is_watch: bool
    ) -> web.StreamResponse:
        body = await request.read()
        url = self._upstream + request.raw_path
        try:
            async with session.request(
                request.method,
                url,
                headers=_passed_on(request.headers),
                data=body or None,
                skip_auto_headers=("Content-Type", "User-Agent", "Accept", "Accept-Encoding"),
            ) as reply:
                return await self._relay(request, reply, is_watch=is_watch)
        except ClientError as failure:
            _abort(request)  # as if the API server itself had gone
            raise ConnectionResetError from failure

    async def _relay(
        self, request: web.Request, reply: ClientResponse, *, is_watch: bool
    ) -> web.StreamResponse:
        response = web.StreamResponse(status=reply.status, headers=_passed_on(reply.headers))
        if is_watch:
            self._watches[id(request)] = request
        try:
            await response.prepare(request)
            async for chunk in reply.content.iter_any():
                if is_watch:
                    await self._flowing.wait()
                await response.write(chunk)
        finally:
            self._watches.pop(id(request), None)
        return response


@contextmanager
def faulty_api(site: Site) -> Iterator[FaultyApi]:
    """A proxy for the length of a `with` block, in a thread and event loop of its own."""
    (port,) = free_ports(1)
    loop = asyncio.new_event_loop()
    api = FaultyApi(site.url, f"https://{HOST}:{port}", loop)
    is_up, is_over = threading.Event(), asyncio.Event()

    def serve() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:  # ends what still hangs, too
            runner.run(_serve(api, site, port, is_up, is_over))

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        if not is_up.wait(_START_LIMIT_S):
            raise TimeoutError(f"the proxy did not start within {_START_LIMIT_S:.0f} s")
        yield api
    finally:
        loop.call_soon_threadsafe(is_over.set)
        thread.join()


async def _serve(
    api: FaultyApi, site: Site, port: int, is_up: threading.Event, is_over: asyncio.Event
) -> None:
    trusted = ssl.create_default_context(cafile=site.authority.certificate)
    connector = TCPConnector(ssl=trusted, limit=0)
    async with ClientSession(connector=connector, timeout=_FOR_EVER, auto_decompress=False) as out:

        async def handle(request: web.Request) -> web.StreamResponse:
            return await api.handle(request, out)

        application = web.Application(client_max_size=_BODY_BYTES)
        application.router.add_route("*", "/{path:.*}", handle)
        runner = web.AppRunner(application, shutdown_timeout=0.1, access_log=None, logger=_QUIET)
        await runner.setup()
        await web.TCPSite(runner, HOST, port, ssl_context=_certificate(site)).start()
        is_up.set()
        await is_over.wait()
        await runner.cleanup()


def _certificate(site: Site) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(site.server.certificate, site.server.key)
    return context


def _abort(request: web.Request) -> None:
    if request.transport is not None:
        request.transport.abort()


def _passed_on(headers: Any) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_ONE_HOP}


def _status(code: int) -> dict[str, object]:
    reason = _REASONS.get(code, "Unknown")
    return {
        "apiVersion": "v1",
        "kind": "Status",
        "status": "Failure",
        "reason": reason,
        "message": f"the test wants {code} {reason}",
        "code": code,
    }
