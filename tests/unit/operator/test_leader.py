"""One replica leads: it takes a free or expired Lease, keeps it, and stops when it cannot."""

import asyncio
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.errors import ClusterUnavailable, Conflict
from retrieval_operator.runtime.leader import Leader, Move, Sight, move, see
from retrieval_operator.runtime.lease import Record
from tests.support.operating import FakeLease

AWAY = ClusterUnavailable("GET lease", "connection refused")


async def on_loop(call):
    return call()


def _note(changes: list[tuple[str, bool]], name: str, leads: bool) -> None:
    changes.append((name, leads))


@asynccontextmanager
async def candidates(lease: FakeLease, *names: str):
    changes: list[tuple[str, bool]] = []
    leaders = {
        name: Leader(lease, name, 15, partial(_note, changes, name), on_loop) for name in names
    }
    tasks = {name: asyncio.create_task(one.campaign()) for name, one in leaders.items()}
    try:
        await asyncio.sleep(0.1)
        yield leaders, tasks, changes
    finally:
        for task in tasks.values():
            task.cancel()
        await asyncio.gather(*tasks.values(), return_exceptions=True)


def leading(leaders) -> list[str]:
    return [name for name, one in leaders.items() if one.holds()]


async def test_the_first_takes_the_lease_and_keeps_it():
    lease = FakeLease()
    async with candidates(lease, "a", "b") as (leaders, _, changes):
        await asyncio.sleep(1000)
        assert leading(leaders) == ["a"]
        assert changes == [("a", True)]


async def test_another_takes_over_when_the_holder_is_gone_and_not_before_the_lease_ran_out():
    lease = FakeLease()
    async with candidates(lease, "a", "b") as (leaders, tasks, _):
        tasks["a"].cancel()
        await asyncio.sleep(14)
        assert not leaders["b"].holds()
        await asyncio.sleep(8)
        assert leaders["b"].holds()


async def test_two_never_lead_at_a_time_when_one_cannot_reach_the_server():
    lease = FakeLease()
    other = FakeLease()
    async with candidates(lease, "a") as (first, _, _):
        async with candidates(other, "b") as (second, _, _):
            pass
        del second, other
        lease.error = AWAY
        await asyncio.sleep(9)
        assert leading(first) == ["a"]
        await asyncio.sleep(6)
        assert leading(first) == []
        lease.error = None
        await asyncio.sleep(6)
        assert leading(first) == ["a"]


@pytest.mark.parametrize("error", [AWAY, Conflict("Lease"), ClusterUnavailable("PUT", "429", 1.0)])
async def test_renewals_that_fail_are_repeated_and_cost_nothing_while_the_lease_lasts(error):
    lease = FakeLease()
    async with candidates(lease, "a", "b") as (leaders, _, changes):
        for _ in range(5):
            lease.error = error
            await asyncio.sleep(6.5)
            lease.error = None
            assert leaders["a"].holds()
            await asyncio.sleep(6.5)
        assert changes == [("a", True)]


async def test_who_leads_asks_the_server_once_for_each_renewal():
    lease = FakeLease()
    async with candidates(lease, "a") as (_, _, _):
        before = lease.reads
        await asyncio.sleep(100)
        assert lease.reads == before


async def test_a_lease_that_somebody_labels_stays_ours():
    lease = FakeLease()
    async with candidates(lease, "a", "b") as (_, _, changes):
        lease.record = replace(lease.record, version="edited")
        await asyncio.sleep(30)
        assert changes == [("a", True)]


async def test_a_renewal_that_comes_late_counts_as_leading_anew():
    """Passes were refused in between, so whoever hears of it must wake them."""
    delays_s = iter([0.0, 0.0, 4.9, 5.0])
    changes: list[tuple[str, bool]] = []

    async def slow(call):
        await asyncio.sleep(next(delays_s, 0.0))
        return call()

    leader = Leader(FakeLease(), "a", 15, partial(_note, changes, "a"), slow)
    task = asyncio.create_task(leader.campaign())
    await asyncio.sleep(30)
    assert leader.holds()
    assert changes == [("a", True), ("a", False), ("a", True)]
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_who_resigns_stops_at_once_and_another_takes_over_without_waiting():
    lease = FakeLease()
    async with candidates(lease, "a", "b") as (leaders, tasks, _):
        tasks["a"].cancel()
        await leaders["a"].resign()
        assert not leaders["a"].holds()
        await asyncio.sleep(5.1)
        assert leading(leaders) == ["b"]


async def test_a_lease_edited_away_ends_the_lead():
    lease = FakeLease()
    async with candidates(lease, "a") as (leaders, _, changes):
        lease.record = Record("999999", "somebody", 3600, "now")
        await asyncio.sleep(6)
        assert leading(leaders) == []
        assert changes == [("a", True), ("a", False)]


@pytest.mark.parametrize(
    ("record", "age_s", "wanted"),
    [
        (Record(), 0, Move.TAKE),
        (Record("1", "", 15), 0, Move.TAKE),
        (Record("1", "me", 15), 99, Move.RENEW),
        (Record("1", "other", 15), 15, Move.WAIT),
        (Record("1", "other", 15), 15.1, Move.TAKE),
    ],
)
def test_what_a_candidate_may_do(record, age_s, wanted):
    assert move(Sight(record, 100.0), "me", 100.0 + age_s) is wanted


@given(st.text(max_size=5), st.floats(0, 1e6))
def test_a_record_that_does_not_change_grows_old(holder, later_s):
    record = Record("1", holder, 15, "x")
    first = see(None, record, 1.0)
    assert see(first, record, 1.0 + later_s) == first
    assert see(first, Record("2", holder, 15, "y"), 1.0 + later_s).since_s == 1.0 + later_s
