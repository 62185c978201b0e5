"""The HTTP client reads every framing of a body, keeps connections, and names what broke."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
import warnings
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from retrieval_bench.errors import Unreachable
from retrieval_bench.http1 import Pool, Response
from tests.support.ports import free_ports

OK = b"HTTP/1.1 200 OK\r\n"


@contextlib.contextmanager
def speaking(answers: list[bytes], *, hang_up: bool = False) -> Iterator[tuple[str, list[bytes]]]:
    """A server that says these bytes, one for each request it gets; yields URL and requests."""
    heard: list[bytes] = []
    urls: list[str] = []
    waiting = iter(answers)
    started, stop = threading.Event(), threading.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        suppressed = contextlib.suppress(asyncio.IncompleteReadError, ConnectionError)
        with contextlib.closing(writer), suppressed:
            while answer := next(waiting, b""):
                head = await reader.readuntil(b"\r\n\r\n")
                heard.append(head + await reader.readexactly(_length(head)))
                writer.write(answer)
                await writer.drain()
                if hang_up:
                    break

    async def serve() -> None:
        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        urls.append("http://{}:{}".format(*server.sockets[0].getsockname()))
        started.set()
        await asyncio.get_running_loop().run_in_executor(None, stop.wait)
        server.close()

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert started.wait(timeout=60), "the server did not start"
    try:
        yield urls[0], heard
    finally:
        stop.set()
        thread.join()


def _length(head: bytes) -> int:
    return int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])


def exchange(url: str, times: int = 1, headers: tuple[tuple[str, str], ...] = ()) -> list[Response]:
    async def talk() -> list[Response]:
        pool = Pool(urlsplit(url), headers)
        try:
            async with asyncio.timeout(30):
                return [await pool.exchange("POST", "/x", {}, b"hello") for _ in range(times)]
        finally:
            pool.close()

    with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
        return runner.run(talk())


FRAMINGS = {
    "by length": OK + b"Content-Length: 3\r\n\r\nabc",
    "in chunks": OK + b"Transfer-Encoding: chunked\r\n\r\n1\r\na\r\n2\r\nbc\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("framing", FRAMINGS)
def test_bodies_are_read_and_connections_kept_when_framed(framing):
    with speaking([FRAMINGS[framing]] * 3) as (url, heard):
        answers = exchange(url, times=3)
    assert [answer.body for answer in answers] == [b"abc"] * 3
    assert len(heard) == 3


def test_a_body_may_last_until_the_connection_ends():
    with speaking([OK + b"\r\nabc"], hang_up=True) as (url, _):
        assert exchange(url)[0].body == b"abc"


def test_a_connection_that_the_server_will_close_is_not_used_again():
    closing = OK + b"Connection: close\r\nContent-Length: 1\r\n\r\n."
    with speaking([closing] * 3, hang_up=True) as (url, _):
        assert len(exchange(url, times=3)) == 3


def test_a_connection_that_the_server_will_close_is_closed_before_it_does():
    closing = OK + b"Connection: close\r\nContent-Length: 1\r\n\r\n."
    with speaking([closing, OK]) as (url, _), warnings.catch_warnings():
        warnings.simplefilter("error")
        exchange(url)
        gc.collect()


def test_headers_arrive_and_are_read_without_regard_to_case():
    answer = OK + b"X-Some-Thing: 7\r\nContent-Length: 0\r\n\r\n"
    with speaking([answer]) as (url, heard):
        (response,) = exchange(url, headers=(("Authorization", "Bearer k"),))
    assert response.headers["x-some-thing"] == "7"
    assert b"Authorization: Bearer k\r\n" in heard[0]
    assert heard[0].endswith(b"\r\n\r\nhello")


@pytest.mark.parametrize(
    "broken",
    [b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nabc", b"garbage\r\n\r\n", OK],
)
def test_an_answer_that_breaks_off_is_named_and_not_awaited(broken):
    with speaking([broken], hang_up=True) as (url, _), pytest.raises(Unreachable):
        exchange(url)


def test_a_port_where_nothing_listens_is_unreachable():
    (port,) = free_ports(1)
    with pytest.raises(Unreachable, match="ConnectionRefused"):
        exchange(f"http://127.0.0.1:{port}")
