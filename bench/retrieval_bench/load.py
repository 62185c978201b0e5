"""Drive one client through a load: open loops keep to their times, closed loops to their answers.

Both hand each outcome to a sink as it happens, so cancelling them loses only what is in flight.
Times of outcomes are seconds since the load began.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import Protocol

from retrieval_bench.client import Clock, Prepared
from retrieval_bench.outcomes import Outcome

Sink = Callable[[Outcome], None]


class Sender(Protocol):
    """What a load needs of a client."""

    def prepare(self, index: int) -> Prepared:
        """Request number `index`, ready to leave."""

    async def send(self, prepared: Prepared, due_s: float) -> Outcome:
        """The outcome of a request that was due at `due_s`."""


async def open_loop(
    client: Sender, due: Iterable[tuple[int, float]], clock: Clock, sink: Sink
) -> None:
    """Send each (index, due time) when it is due, however many are in flight; await all answers."""

    async def fly(prepared: Prepared, due_s: float) -> None:
        sink(await client.send(prepared, due_s))

    async with asyncio.TaskGroup() as flying:
        for index, due_s in due:
            prepared = client.prepare(index)
            await asyncio.sleep(max(due_s - clock(), 0.0))
            flying.create_task(fly(prepared, due_s))


async def closed_loop(
    client: Sender, connections: int, indices: Iterator[int], clock: Clock, sink: Sink
) -> None:
    """Keep `connections` requests in flight until the indices run out; await all answers."""

    async def ask() -> None:
        for index in indices:
            prepared = client.prepare(index)
            sink(await client.send(prepared, clock()))

    async with asyncio.TaskGroup() as asking:
        for _ in range(connections):
            asking.create_task(ask())
