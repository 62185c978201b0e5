"""What is accepted is computed in time, however slow the device turns out to be."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.job import Lane
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.errors import Overloaded
from retrieval_predictor.wire.work import Batch
from tests.support import make
from tests.support.benches import Bench, EchoDevice, benches, in_virtual_time

WAIT_S = 2.5
QUERY_TOKENS = 11
BATCH_TOKENS = 220
ARRIVALS = 40
"""Steps in which a burst arrives within its second."""


class Paced(EchoDevice):
    """Computes so many tokens a second in full batches, all slots together.

    A batch takes as long as its tokens and `overhead_tokens` more.
    """

    def __init__(self, slots: int, tokens_per_s: float, overhead_tokens: int = 0) -> None:
        super().__init__(slots=slots)
        self._overhead_tokens = overhead_tokens
        self._full_s = BATCH_TOKENS / tokens_per_s

    async def run(self, batch: Batch):
        self.batches.append(batch)
        full_tokens = BATCH_TOKENS / self.slots
        part = (batch.tokens + self._overhead_tokens) / (full_tokens + self._overhead_tokens)
        await asyncio.sleep(part * self._full_s)
        return self.answer(batch)


@dataclass(frozen=True, slots=True)
class Burst:
    """How a burst went: seconds until each accepted request was answered, and the refusals."""

    took_s: list[float]
    refused: list[Overloaded]


async def burst(bench: Bench, requests: int) -> Burst:
    """So many queries within one second."""
    jobs, refused = [], []
    for step in range(ARRIVALS):
        for number in range(step, requests, ARRIVALS):
            try:
                jobs.append(bench.submit([[number % 900] * QUERY_TOKENS]))
            except Overloaded as error:
                refused.append(error)
        await asyncio.sleep(1 / ARRIVALS)
    answers = await asyncio.gather(*(job.answer for job in jobs))
    return Burst([answer.queue_s + answer.forward_s for answer in answers], refused)


@settings(deadline=None, max_examples=15)
@given(
    tokens_per_s=st.floats(1000, 3000),
    overhead_tokens=st.integers(0, 100),
    times_capacity=st.floats(0.5, 6.0),
    slots=st.sampled_from([1, 2, 4]),
    estimate=st.floats(0.5, 2.0),
)
def test_what_is_accepted_is_answered_within_the_bound(
    tokens_per_s, overhead_tokens, times_capacity, slots, estimate
):
    """A warm-up that promised too much lets too much in until the first batches have shown it."""

    async def one() -> Burst:
        async with benches() as make_bench:
            device = Paced(slots, tokens_per_s, overhead_tokens)
            under_test = make_bench(device, max_batch_tokens=BATCH_TOKENS, max_batch_size=256)
            under_test.queue.max_wait_s = WAIT_S
            under_test.batcher.rate.start_at(
                BATCH_TOKENS, BATCH_TOKENS / tokens_per_s / estimate, overhead_tokens
            )
            requests = int(times_capacity * tokens_per_s * (1 + WAIT_S) / QUERY_TOKENS)
            return await burst(under_test, requests)

    batch_s = BATCH_TOKENS / tokens_per_s
    result = in_virtual_time(one())
    assert max(result.took_s) <= WAIT_S * max(estimate, 1.0) + 2 * batch_s
    if times_capacity < 0.9:
        assert not result.refused
    if times_capacity > 1.5:
        assert result.refused
        assert len(result.took_s) * QUERY_TOKENS >= 0.8 * tokens_per_s * (1 + WAIT_S)


def test_a_queue_that_begins_to_fill_is_not_taken_for_a_slow_device():
    async def one() -> float:
        async with benches() as make_bench:
            device = Paced(1, 3000.0, overhead_tokens=200)
            under_test = make_bench(device, max_batch_tokens=BATCH_TOKENS, max_batch_size=256)
            under_test.batcher.rate.start_at(BATCH_TOKENS, BATCH_TOKENS / 3000.0, 200)
            jobs = []
            for number in range(300):  # a few queries for each batch, and always some that wait
                jobs.append(under_test.submit([[number] * QUERY_TOKENS]))
                await asyncio.sleep(0.016)
            sizes = [batch.tokens for batch in device.batches]
            assert max(sizes) <= BATCH_TOKENS / 4
            await asyncio.gather(*(job.answer for job in jobs))
            return under_test.batcher.rate.tokens_per_s

    assert in_virtual_time(one()) == pytest.approx(3000.0, rel=0.05)


def queue_with(tokens: int) -> Queue:
    queue = Queue(Limits(64, 8), max_tokens=1000, max_wait_s=2.0)
    if tokens:
        queue.put(make.job([tokens]), 0.0)
    return queue


@given(rate=st.floats(1.0, 490.0), waiting=st.integers(1, 1000), asked=st.integers(1, 1000))
def test_who_is_refused_has_room_when_told_to_come_back(rate, waiting, asked):
    assume(waiting + asked > int(2.0 * rate))
    with pytest.raises(Overloaded) as refused:
        queue_with(waiting).put(make.job([asked]), rate)
    assert refused.value.limit_tokens == int(2.0 * rate)
    left = max(waiting - refused.value.retry_after_s * rate, 0)
    assert not left or left + asked <= refused.value.limit_tokens + 1


@pytest.mark.parametrize(("rate", "bound"), [(0.0, 1000), (100.0, 200), (10**6, 1000)])
def test_the_bound_is_whichever_is_reached_first(rate, bound):
    assert queue_with(0).bound_tokens(Lane.QUERY, rate) == bound
    assert queue_with(0).load(rate).max_query_tokens == bound


def test_what_is_being_computed_counts():
    queue = queue_with(0)
    queue.computing_tokens = 150
    assert queue.bound_tokens(Lane.QUERY, 100.0) == 50
    queue.computing_tokens = 500
    assert queue.bound_tokens(Lane.QUERY, 100.0) == 0


def test_an_empty_lane_takes_a_request_that_takes_longer_than_the_bound():
    queue_with(0).put(make.job([64] * 50), 1.0)


def test_bulk_work_is_bounded_in_tokens_alone():
    queue = queue_with(0)
    queue.computing_tokens = 500
    assert queue.bound_tokens(Lane.BULK, 100.0) == 1000
    assert queue.load(100.0).max_bulk_tokens == 1000
