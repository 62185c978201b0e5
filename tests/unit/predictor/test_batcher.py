"""The loop between queue and device, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from retrieval_predictor.errors import DeadlineExceeded, ModelFailure, NonFinite
from retrieval_predictor.wire.work import Batch, Rows
from tests.support.benches import EchoDevice, benches


class BrokenDevice(EchoDevice):
    async def run(self, batch: Batch):
        del batch
        raise RuntimeError("CUDA error: an illegal memory access was encountered")


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


async def test_each_request_gets_its_own_rows_in_order(bench):
    under_test = bench()
    jobs = [under_test.submit([[10 * n + k] * (k + 1) for k in range(5)]) for n in range(6)]
    for n, job in enumerate(jobs):
        rows = (await job.answer).rows
        assert rows.tolist() == [[10 * n + k, k + 1] for k in range(5)]


async def test_what_queues_while_the_device_is_busy_shares_the_next_batch(bench):
    under_test = bench()
    first = under_test.submit([[1] * 4])
    await asyncio.sleep(0.5)
    later = [under_test.submit([[n] * 4]) for n in range(2, 6)]
    await asyncio.gather(first.answer, *(job.answer for job in later))
    assert [batch.size for batch in under_test.device.batches] == [1, 4]


async def test_a_lone_request_never_waits_for_company(bench, looptime):
    job = bench().submit([[1]])
    answer = await job.answer
    assert looptime == 1.0
    assert (answer.queue_s, answer.forward_s) == (0.0, 1.0)


async def test_a_request_larger_than_a_batch_is_split_and_put_together(bench):
    under_test = bench()
    job = under_test.submit([[n] * 20 for n in range(10)])
    rows = (await job.answer).rows
    assert rows[:, 0].tolist() == list(range(10))
    assert [batch.size for batch in under_test.device.batches] == [3, 3, 3, 1]


async def test_a_cancelled_caller_never_reaches_the_device(bench):
    under_test = bench()
    first = under_test.submit([[1]])
    await asyncio.sleep(0.5)
    gone = under_test.submit([[2]])
    gone.answer.cancel()
    await first.answer
    await asyncio.sleep(5)
    assert [batch.tokens for batch in under_test.device.batches] == [1]
    assert under_test.queue.tokens == 0


async def test_a_deadline_that_passes_in_the_queue_is_never_computed(bench):
    under_test = bench()
    first = under_test.submit([[1]])
    await asyncio.sleep(0.1)
    late = under_test.submit([[2]], deadline_s=under_test.loop.time() + 0.5)
    with pytest.raises(DeadlineExceeded):
        await late.answer
    await first.answer
    assert len(under_test.device.batches) == 1


async def test_a_failing_batch_fails_its_requests_and_no_others(bench):
    under_test = bench(BrokenDevice())
    job = under_test.submit([[1]])
    with pytest.raises(ModelFailure, match="RuntimeError"):
        await job.answer
    assert not under_test.task.done()


async def test_a_row_that_is_not_finite_fails_its_own_request_alone(bench):
    under_test = bench(EchoDevice(poison=13))
    good, bad = under_test.submit([[1], [2]]), under_test.submit([[3], [13]])
    assert isinstance(await good.answer, Rows)
    with pytest.raises(NonFinite):
        await bad.answer
