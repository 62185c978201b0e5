"""The rate is that of a device with enough to do, whatever it did before."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.batching.rate import Rate
from tests.support.benches import EchoDevice, benches


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


def test_nothing_is_known_before_the_first_measurement():
    assert Rate(1).tokens_per_s == 0.0
    assert Rate(1).hang_after_s(100) is None


@given(slots=st.integers(1, 16))
def test_the_warm_up_is_the_first_measurement(slots):
    rate = Rate(slots)
    rate.start_at(4096, 0.5)
    assert rate.tokens_per_s == pytest.approx(8192.0)


@given(slots=st.integers(1, 8), tokens=st.integers(1, 10_000), forward_s=st.floats(0.01, 1.0))
def test_slots_compute_side_by_side(slots, tokens, forward_s):
    rate = Rate(slots)
    for _ in range(3):
        rate.record(tokens, forward_s)
    assert rate.tokens_per_s == pytest.approx(slots * tokens / forward_s)


def test_a_device_that_becomes_slower_is_known_within_ten_batches():
    rate = Rate(1)
    rate.start_at(1000, 1.0)
    for _ in range(10):
        rate.record(100, 1.0)
    assert rate.tokens_per_s == pytest.approx(100, rel=0.25)


def test_one_full_batch_outweighs_many_small_ones():
    rate = Rate(1)
    for _ in range(50):
        rate.record(20, 0.01)
    rate.record(2000, 0.2)
    assert rate.tokens_per_s == pytest.approx(10_000, rel=0.2)


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
