"""Work for a client that leaves is dropped; work that is quick is not even watched."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from retrieval_predictor.edge.connection import while_connected


class Client:
    """A connection whose client leaves after so many seconds; counts who listens for that."""

    def __init__(self, leaves_after_s: float) -> None:
        self._leaves_s = asyncio.get_running_loop().time() + leaves_after_s
        self.watched = 0

    async def receive(self) -> dict[str, Any]:
        self.watched += 1
        await asyncio.sleep(max(self._leaves_s - asyncio.get_running_loop().time(), 0))
        return {"type": "http.disconnect"}


async def test_quick_work_is_not_watched():
    client = Client(60)
    assert await while_connected(client.receive, asyncio.sleep(0.01, "row")) == "row"
    assert client.watched == 0


async def test_slow_work_for_a_client_that_stays_is_finished():
    client = Client(60)
    assert await while_connected(client.receive, asyncio.sleep(5, "row")) == "row"
    assert client.watched == 1


@pytest.mark.parametrize("leaves_after_s", [0.0, 1.0])
async def test_slow_work_ends_with_its_client(leaves_after_s: float):
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    with pytest.raises(ClientDisconnect):
        await while_connected(Client(leaves_after_s).receive, asyncio.sleep(60))
    assert loop.time() - started_s == pytest.approx(max(leaves_after_s, 0.05))


async def test_whoever_cancels_the_request_itself_is_heard():
    task = asyncio.create_task(while_connected(Client(60).receive, asyncio.sleep(60)))
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
