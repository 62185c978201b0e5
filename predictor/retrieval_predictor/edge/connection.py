"""Stop working for a client that has gone away."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from starlette.requests import ClientDisconnect
from starlette.types import Receive

T = TypeVar("T")

_UNWATCHED_S = 0.05
"""Work that is done sooner is not watched: the task that would watch costs more than it saves."""


async def while_connected(receive: Receive, work: Awaitable[T]) -> T:
    """The result of `work`, which is cancelled when the client closes its connection first.

    The body must have been read: what `receive` gives after it is the end of the connection
    (ASGI HTTP specification, "Disconnect").

    Raises:
        ClientDisconnect: Nobody waits for the answer any more.
    """
    task = asyncio.current_task()
    watcher: asyncio.Task[None] | None = None

    def watch() -> None:
        nonlocal watcher
        watcher = asyncio.create_task(_cancel_when_gone(receive, task))

    timer = asyncio.get_running_loop().call_later(_UNWATCHED_S, watch)
    try:
        return await work
    except asyncio.CancelledError:
        if task is None or watcher is None or not watcher.done() or watcher.cancelled():
            raise
        task.uncancel()
        raise ClientDisconnect from None
    finally:
        timer.cancel()
        if watcher is not None:
            watcher.cancel()


async def _cancel_when_gone(receive: Receive, task: asyncio.Task[T] | None) -> None:
    while (await receive())["type"] != "http.disconnect":
        continue
    if task is not None:
        task.cancel()
