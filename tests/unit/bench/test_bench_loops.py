"""Open loops keep to their times whatever the server does; closed loops wait for answers."""

from __future__ import annotations

import asyncio
import itertools

import numpy as np
import pytest

from retrieval_bench.arrivals import Burst, Constant, OpenLoop, Stop, offsets
from retrieval_bench.load import closed_loop, open_loop
from retrieval_bench.outcomes import Outcome, Outcomes, gather
from retrieval_bench.search import Limits, Rule, judge, largest
from tests.support.load import Queue

NEVER = Stop()


async def fly(server: Queue, arrivals: OpenLoop, stop: Stop = NEVER) -> Outcomes:
    done: list[Outcome] = []
    clock = asyncio.get_running_loop().time
    due = enumerate(offsets(arrivals, stop, 0) + clock())
    await open_loop(server, due, clock, done.append)
    return gather(done)


async def test_a_stalled_server_is_charged_for_the_requests_that_the_stall_held_back():
    server = Queue(lambda index: 1.0 if index == 10 else 0.001)
    outcomes = await fly(server, Constant(100), Stop(requests=200))
    over_half_a_second = (outcomes.latency_s > 0.5).sum()
    assert over_half_a_second == pytest.approx(55, abs=6)


async def test_a_closed_loop_hides_the_same_stall():
    server = Queue(lambda index: 1.0 if index == 10 else 0.001)
    done: list[Outcome] = []
    clock = asyncio.get_running_loop().time
    await closed_loop(server, 1, iter(range(200)), clock, done.append)
    assert (gather(done).latency_s > 0.5).sum() == 1


async def test_requests_leave_on_time_though_none_has_been_answered():
    server = Queue(lambda _: 10.0)
    outcomes = await fly(server, Burst(50))
    assert server.most_in_flight == 50
    assert outcomes.lag_s.max() < 0.001
    assert outcomes.sent_s.max() - outcomes.sent_s.min() == pytest.approx(0.98)


async def test_a_closed_loop_keeps_its_connections_busy_and_no_more():
    server = Queue(lambda _: 0.01)
    done: list[Outcome] = []
    clock = asyncio.get_running_loop().time
    await closed_loop(server, 7, iter(range(100)), clock, done.append)
    assert server.most_in_flight == 7
    assert sorted(server.indices) == list(range(100))
    assert len(done) == 100


async def test_cancelling_a_load_keeps_what_was_over_and_drops_what_was_in_flight():
    server = Queue(lambda _: 0.1)
    done: list[object] = []
    clock = asyncio.get_running_loop().time
    loop = asyncio.create_task(closed_loop(server, 3, itertools.count(), clock, done.append))
    await asyncio.sleep(1.05)
    loop.cancel()
    with pytest.raises(asyncio.CancelledError):
        await loop
    assert len(done) == 10


async def test_the_burst_that_a_queue_can_hold_is_the_one_that_theory_gives():
    service_s, rule = 0.05, Rule(0.9, 3.0)
    finding = largest(Limits(start=64, resolution=0.0, confirmations=1))
    load = next(finding)
    while True:
        passed = judge(await fly(Queue(lambda _: service_s), Burst(load)), rule).passed
        try:
            load = finding.send(passed)
        except StopIteration as end:
            found = end.value
            break
    # Request k of n is due at k / n and over at (k + 1) × service_s, so the last of nine in ten is
    # in time if 0.9 n service_s - 0.9 <= 3.
    assert found == pytest.approx(3.9 / (0.9 * service_s), abs=2)


async def test_latency_grows_without_bound_beyond_capacity():
    outcomes = await fly(Queue(lambda _: 0.02), Constant(100), Stop(duration_s=4))
    order = np.argsort(outcomes.due_s)
    assert outcomes.latency_s[order][-1] == pytest.approx(4.0, rel=0.02)
