"""The share that one client process takes of a load: every n-th request, on a common clock."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from retrieval_bench.arrivals import Arrivals, Closed, Stop, offsets, share
from retrieval_bench.client import Client, Clock
from retrieval_bench.corpus import Corpus
from retrieval_bench.dialects import speak
from retrieval_bench.dialects.wire import Rows
from retrieval_bench.load import closed_loop, open_loop
from retrieval_bench.outcomes import Outcome, Outcomes, gather
from retrieval_bench.targets import Target
from retrieval_bench.transports import connect

EXAMPLES = 3
"""Messages kept for each way in which requests failed."""

LOOK_S = 0.1
"""How often a client process says how far it is, and asks whether to stop."""


@dataclass(frozen=True, slots=True)
class Assignment:
    """One load on one target; request numbers begin at `first_index`.

    The rows of the requests in `keep` come back with the outcomes.
    """

    target: Target
    corpus: Corpus
    arrivals: Arrivals
    stop: Stop
    seed: int
    timeout_s: float
    first_index: int = 0
    keep: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Shard:
    """Number `number` of `of` client processes; the load begins at `begins_at_s`, monotonic."""

    number: int
    of: int
    begins_at_s: float


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """What one client process measured.

    `cpu_s` and `wall_s` are its own, from the first request to the last answer. `messages` holds a
    few for each ending, by name.
    """

    outcomes: Outcomes
    cpu_s: float
    wall_s: float
    messages: dict[str, tuple[str, ...]] = field(default_factory=dict)
    kept: dict[int, Rows] = field(default_factory=dict)


async def work(
    assignment: Assignment, shard: Shard, tell: Callable[[int], None], stopped: Callable[[], bool]
) -> Part:
    """Carry out one shard of a load, until it ends or `stopped` says so.

    `tell` hears how many requests are over. Requests in flight when stopped are not counted.
    """
    dialect = speak(assignment.target)
    kept: dict[int, Rows] = {}
    done: list[Outcome] = []

    def clock() -> float:
        return time.monotonic() - shard.begins_at_s

    async with connect(assignment.target, dialect) as transmit:
        client = Client(
            transmit, dialect, assignment.corpus, assignment.timeout_s, clock, assignment.keep, kept
        )
        await asyncio.sleep(max(-clock(), 0.0))
        cpu_s, wall_s = time.process_time(), clock()
        driving = asyncio.create_task(_drive(assignment, shard, client, clock, done.append))
        await _attend(driving, lambda: tell(len(done)), stopped)
        cpu_s, wall_s = time.process_time() - cpu_s, clock() - wall_s
    return Part(gather(done), cpu_s, wall_s, _examples(done), kept)


async def _drive(
    assignment: Assignment,
    shard: Shard,
    client: Client,
    clock: Clock,
    sink: Callable[[Outcome], None],
) -> None:
    arrivals, stop = assignment.arrivals, assignment.stop
    first = assignment.first_index + shard.number
    if isinstance(arrivals, Closed):
        connections = share(arrivals.connections, shard.number, shard.of)
        indices = _indices(assignment, first, shard.of, clock)
        await closed_loop(client, connections, indices, clock, sink)
        return
    due_s = offsets(arrivals, stop, assignment.seed)[shard.number :: shard.of]
    numbered = zip(itertools.count(first, shard.of), due_s.tolist(), strict=False)
    await open_loop(client, numbered, clock, sink)


def _indices(assignment: Assignment, first: int, step: int, clock: Clock) -> Iterator[int]:
    requests, duration_s = assignment.stop.requests, assignment.stop.duration_s
    indices: Iterator[int] = itertools.count(first, step)
    if requests is not None:
        indices = iter(range(first, assignment.first_index + requests, step))
    if duration_s is not None:
        indices = itertools.takewhile(lambda _: clock() < duration_s, indices)
    return indices


async def _attend(
    driving: asyncio.Task[None], tell: Callable[[], None], stopped: Callable[[], bool]
) -> None:
    while not driving.done():
        await asyncio.wait([driving], timeout=LOOK_S)
        tell()
        if stopped():
            driving.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await driving
            return
    driving.result()


def _examples(done: list[Outcome]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for outcome in done:
        if outcome.message:
            messages = found.setdefault(outcome.ending.name.lower(), [])
            if len(messages) < EXAMPLES and outcome.message not in messages:
                messages.append(outcome.message)
    return {ending: tuple(messages) for ending, messages in found.items()}
