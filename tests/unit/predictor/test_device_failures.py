"""Whatever a device does, each request gets one answer: its rows, or the error that is its own."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.budget import Budget
from retrieval_predictor.errors import DeviceLost, ModelFailure, NoTokens, OutOfDeviceMemory
from retrieval_predictor.wire.work import Batch, Rows, Run
from tests.support import make
from tests.support.benches import Bench, EchoDevice, benches, in_virtual_time

POISON = 13


class SmallDevice(EchoDevice):
    """Has room for so many tokens, and breaks on a text that starts with the poison."""

    def __init__(self, room_tokens: int) -> None:
        super().__init__()
        self._room_tokens = room_tokens

    async def run(self, batch: Batch):
        if batch.tokens > self._room_tokens:
            await asyncio.sleep(0.1)
            raise OutOfDeviceMemory
        rows = await super().run(batch)
        if (rows[:, 0] == POISON).any():
            raise ModelFailure("index out of range")
        return rows


class HangingDevice(EchoDevice):
    """Answers the first batch, and nothing after it."""

    async def run(self, batch: Batch):
        if self.batches:
            await asyncio.Event().wait()
        return await super().run(batch)


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


async def test_a_batch_that_does_not_fit_is_computed_in_halves(bench):
    under_test: Bench = bench(SmallDevice(20))
    job = under_test.submit([[n] * 8 for n in range(8)])
    assert (await job.answer).rows[:, 0].tolist() == list(range(8))
    assert max(batch.tokens for batch in under_test.device.batches) <= 20
    assert under_test.observer.out_of_memory_count > 0


async def test_the_smaller_budget_is_remembered(bench):
    under_test: Bench = bench(SmallDevice(20))
    await under_test.submit([[n] * 8 for n in range(8)]).answer
    failures = under_test.observer.out_of_memory_count
    await under_test.submit([[n] * 8 for n in range(8)]).answer
    assert under_test.observer.out_of_memory_count == failures
    assert under_test.queue.budget.tokens <= 20


async def test_a_text_that_does_not_fit_alone_fails_alone(bench):
    under_test: Bench = bench(SmallDevice(20))
    good, huge = under_test.submit([[1] * 8, [2] * 8]), under_test.submit([[3] * 30])
    after = under_test.submit([[4] * 30, [5]])
    assert (await good.answer).rows[:, 0].tolist() == [1, 2]
    for job in (huge, after):
        with pytest.raises(OutOfDeviceMemory):
            await job.answer


async def test_one_poisonous_request_fails_alone(bench):
    under_test: Bench = bench(SmallDevice(1000))
    jobs = [under_test.submit([[n], [100 + n]]) for n in range(20)]
    for n, job in enumerate(jobs):
        if n == POISON:
            with pytest.raises(ModelFailure, match="index out of range"):
                await job.answer
        else:
            assert (await job.answer).rows[:, 0].tolist() == [n, 100 + n]


async def test_a_forward_that_never_returns_ends_the_engine(bench):
    under_test: Bench = bench(HangingDevice())
    under_test.batcher.rate.start_at(10, 1.0)
    await under_test.submit([[1] * 10]).answer
    under_test.submit([[2] * 30])
    started_s = under_test.loop.time()
    with pytest.raises(DeviceLost, match="30 tokens in 60 s"):
        await under_test.task
    assert under_test.loop.time() - started_s == pytest.approx(60.0)


async def test_a_device_that_is_lost_is_not_tried_again(bench):
    class Lost(EchoDevice):
        async def run(self, batch: Batch):
            self.batches.append(batch)
            raise DeviceLost("AcceleratorError")

    under_test: Bench = bench(Lost())
    under_test.submit([[1], [2]])
    with pytest.raises(DeviceLost):
        await under_test.task
    assert len(under_test.device.batches) == 1


texts = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=50)
@given(requests=st.lists(texts, min_size=1, max_size=8), room_tokens=st.integers(1, 80))
def test_every_request_is_answered_once_whatever_fails(requests, room_tokens):
    async def answers() -> list[Rows | BaseException]:
        async with benches() as make_bench:
            under_test = make_bench(SmallDevice(room_tokens))
            jobs = [
                under_test.submit([[first] * length for first, length in request])
                for request in requests
            ]
            got = await asyncio.gather(*(job.answer for job in jobs), return_exceptions=True)
            assert under_test.queue.tokens == 0
            assert not under_test.task.done()
            return got

    for request, answer in zip(requests, in_virtual_time(answers()), strict=True):
        firsts, lengths = zip(*request, strict=True)
        if max(lengths) > room_tokens or POISON in firsts:
            assert isinstance(answer, ModelFailure)
        else:
            assert isinstance(answer, Rows)
            np.testing.assert_array_equal(answer.rows, np.array(request, dtype=np.float32))


def test_the_budget_grows_back_after_ten_quiet_minutes():
    budget = Budget(4096)
    budget.shrink(4000, now_s=100.0)
    assert budget.at(699.0) == 2000
    assert budget.at(700.0) == 4000
    assert budget.at(1300.0) == 4096


def test_a_small_batch_that_fails_shrinks_the_budget_further_and_never_to_nothing():
    budget = Budget(4096)
    budget.shrink(100, now_s=0.0)
    budget.shrink(3000, now_s=0.0)
    assert budget.tokens == 50
    budget.shrink(1, now_s=0.0)
    assert budget.tokens == 1


async def test_a_fault_of_the_scheduler_answers_whoever_waits_and_the_engine_goes_on(bench):
    under_test: Bench = bench()
    on_board = under_test.submit([[1]])
    await asyncio.sleep(0.5)
    job, other = under_test.submit([[2], [3]]), under_test.submit([[9]])
    job.run = Run(make.rows_of([[2]]))  # as if a row had gone missing
    job.next_row = 5
    for waiting in (job, other):
        with pytest.raises(ModelFailure):
            await waiting.answer
    assert (await on_board.answer).rows[:, 0].tolist() == [1]
    assert (await under_test.submit([[4]]).answer).rows[:, 0].tolist() == [4]
    assert under_test.queue.tokens == 0
    assert not under_test.task.done()


@pytest.mark.parametrize("texts", [[[]], [[7], []]])
async def test_a_text_of_no_tokens_is_refused_and_never_queued(bench, texts):
    under_test: Bench = bench()
    with pytest.raises(NoTokens):
        under_test.submit(texts)
    assert (await under_test.submit([[4]]).answer).rows[:, 0].tolist() == [4]
