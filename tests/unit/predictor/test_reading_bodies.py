"""A body is read whole, or let go as soon as it is too large, too slow, or nobody's any more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from retrieval_predictor.edge.body import read_body
from retrieval_predictor.errors import BodyTooLarge, BodyTooSlow

Receive = Callable[[], Awaitable[dict[str, Any]]]


def sent(*pieces: bytes, each_s: float = 0.0) -> Receive:
    """A client that sends these pieces, one after another, and then leaves."""
    left = list(pieces)

    async def receive() -> dict[str, Any]:
        await asyncio.sleep(each_s)
        if not left:
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": left.pop(0), "more_body": bool(left)}

    return receive


@pytest.mark.parametrize("pieces", [(b"",), (b"one",), (b"in ", b"", b"three")])
async def test_a_body_is_whole_whatever_pieces_it_comes_in(pieces: tuple[bytes, ...]):
    assert await read_body(sent(*pieces), "", 100, 1.0) == b"".join(pieces)


async def test_a_body_that_is_announced_too_large_is_not_read():
    with pytest.raises(BodyTooLarge, match="101"):
        await read_body(sent(), "101", 100, 1.0)


async def test_a_body_that_turns_out_too_large_is_let_go():
    with pytest.raises(BodyTooLarge):
        await read_body(sent(b"x" * 60, b"x" * 60, b"x" * 60), "", 100, 1.0)


async def test_a_body_that_trickles_is_refused_in_time():
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    with pytest.raises(BodyTooSlow):
        await read_body(sent(b"a", b"b", b"c", each_s=0.4), "", 100, 1.0)
    assert loop.time() - started_s == pytest.approx(1.0)


async def test_a_client_that_leaves_early_is_noticed():
    async def gone() -> dict[str, Any]:
        return {"type": "http.disconnect"}

    with pytest.raises(ClientDisconnect):
        await read_body(gone, "10", 100, 1.0)
