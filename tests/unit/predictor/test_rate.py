"""The rate is that of a device with enough to do, whatever it did before."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.rate import Rate
from tests.support.benches import EchoDevice, benches


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


def test_nothing_is_known_before_the_first_measurement():
    assert Rate(1, 1).tokens_per_s == 0.0
    assert Rate(1, 1).hang_after_s(100) is None


@given(slots=st.integers(1, 16), divides=st.booleans())
def test_the_warm_up_is_the_first_measurement(slots, divides):
    rate = Rate(slots, slots if divides else 1)
    rate.start_at(4096, 0.5)
    assert rate.tokens_per_s == pytest.approx(8192.0)


@given(slots=st.integers(1, 8), tokens=st.integers(1, 10_000), forward_s=st.floats(0.01, 1.0))
def test_slots_compute_side_by_side(slots, tokens, forward_s):
    rate = Rate(slots, slots)
    for _ in range(3):
        rate.record(tokens, forward_s, forward_s)
    assert rate.tokens_per_s == pytest.approx(slots * tokens / forward_s)


@given(
    slots=st.integers(1, 4),
    divides=st.booleans(),
    overhead=st.integers(0, 2000),
    tokens=st.integers(1, 4096),
    slower=st.floats(0.2, 5.0),
)
def test_batches_of_any_size_tell_how_fast_full_ones_are(slots, divides, overhead, tokens, slower):
    """Batches of a device that does not divide take as much longer as others are before them."""
    shares = slots if divides else 1

    def forward_s(count: int) -> float:
        return 0.02 * (count + overhead) * slots / shares

    rate = Rate(slots, shares)
    rate.start_at(shares * 4096, forward_s(4096) * shares / slots, overhead)
    forgotten_after_s = slots * 40
    for _ in range(int(forgotten_after_s / (slower * forward_s(tokens))) + 1):
        rate.record(tokens, slower * forward_s(tokens), slower * forward_s(tokens) / slots)
    assert rate.tokens_per_s == pytest.approx(slots * 4096 / (slower * forward_s(4096)), rel=1e-2)


def test_a_device_that_becomes_slower_is_known_within_ten_batches():
    rate = Rate(1, 1)
    rate.start_at(1000, 1.0)
    for _ in range(10):
        rate.record(100, 1.0, 1.0)
    assert rate.tokens_per_s == pytest.approx(100, rel=0.25)


async def test_lone_queries_do_not_make_a_device_look_slow(bench):
    under_test = bench(EchoDevice(slots=2))
    under_test.batcher.rate.start_at(1000, 1.0)
    for n in range(20):
        await under_test.submit([[n]]).answer
    assert under_test.batcher.rate.tokens_per_s == 1000


async def test_a_full_queue_shows_what_the_device_does(bench):
    under_test = bench(EchoDevice(slots=2), max_batch_tokens=128, max_batch_size=64)
    under_test.batcher.rate.start_at(1000, 1.0)
    await asyncio.gather(*(under_test.submit([[n] * 16]).answer for n in range(200)))
    assert under_test.batcher.rate.tokens_per_s == pytest.approx(128, rel=0.05)


class InLine(EchoDevice):
    """Computes 1000 tokens a second, one batch after the other, with two in line."""

    def __init__(self) -> None:
        super().__init__(slots=2, divides=False)
        self._turn = asyncio.Lock()

    async def run(self, batch):
        async with self._turn:
            await asyncio.sleep(batch.tokens / 1000)
        return self.answer(batch)


@pytest.mark.parametrize("at_a_time", [1, 2, 3, 8])
async def test_a_device_with_batches_in_line_is_as_fast_with_one_as_with_two(bench, at_a_time):
    under_test = bench(InLine())
    for _ in range(200 // at_a_time):
        jobs = [under_test.submit([[1] * 60]) for _ in range(at_a_time)]
        await asyncio.gather(*(job.answer for job in jobs))
    assert under_test.batcher.rate.tokens_per_s == pytest.approx(1000, rel=0.05)
