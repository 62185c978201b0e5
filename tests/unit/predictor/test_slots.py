"""Several batches at a time: all of the device works, and nobody can tell from the answers."""

from __future__ import annotations

import asyncio

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.batcher import LEAST_SHARE_TOKENS
from retrieval_predictor.engine.scheduler.results import RowCache
from retrieval_predictor.errors import DeviceLost, ModelFailure, OutOfDeviceMemory
from retrieval_predictor.wire.work import Batch, Rows
from tests.support.benches import EchoDevice, benches, in_virtual_time

POISON = 13


class Failing(EchoDevice):
    """Takes as long as its tokens, has room for so many, and breaks on the poison."""

    def __init__(self, slots: int, divides: bool, room_tokens: int = 10**9) -> None:
        super().__init__(slots=slots, divides=divides)
        self._room_tokens = room_tokens
        self.running = 0
        self.most_running = 0

    async def run(self, batch: Batch):
        self.running += 1
        self.most_running = max(self.most_running, self.running)
        try:
            await asyncio.sleep(0.01 * batch.tokens)
            if batch.tokens > self._room_tokens:
                raise OutOfDeviceMemory
            rows = await super().run(batch)
        finally:
            self.running -= 1
        if (rows[:, 0] == POISON).any():
            raise ModelFailure("index out of range")
        return rows


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


async def test_a_lone_large_request_uses_every_slot(bench, looptime):
    under_test = bench(EchoDevice(slots=4), max_batch_tokens=1024, max_batch_size=64)
    rows = (await under_test.submit([[n] * 64 for n in range(8)]).answer).rows
    assert rows[:, 0].tolist() == list(range(8))
    assert [batch.tokens for batch in under_test.device.batches] == [128] * 4
    assert looptime == 1.0


async def test_a_short_query_is_not_cut_into_pieces(bench):
    under_test = bench(EchoDevice(slots=4), max_batch_tokens=1024)
    await under_test.submit([[n] * 8 for n in range(8)]).answer
    assert [batch.size for batch in under_test.device.batches] == [8]


async def test_slots_that_wait_in_line_get_whole_batches(bench):
    device = EchoDevice(slots=2, divides=False)
    under_test = bench(device, max_batch_tokens=512, max_batch_size=64)
    await under_test.submit([[n] * 64 for n in range(8)]).answer
    assert [batch.tokens for batch in device.batches] == [512]


async def test_a_query_that_comes_while_a_slot_is_free_does_not_wait(bench, looptime):
    under_test = bench(EchoDevice(slots=2))
    first = under_test.submit([[1]])
    await asyncio.sleep(0.5)
    second = await under_test.submit([[2]]).answer
    assert (second.queue_s, second.forward_s) == (0.0, 1.0)
    assert looptime == 1.5
    assert first.answer.done()


async def test_batches_side_by_side_never_hold_more_than_the_budget(bench):
    under_test = bench(EchoDevice(slots=4), max_batch_tokens=256, max_batch_size=64)
    await asyncio.gather(*(under_test.submit([[n] * 16] * 10).answer for n in range(20)))
    assert max(batch.tokens for batch in under_test.device.batches) <= 64
    assert under_test.observer.most_running == 4


async def test_a_text_in_another_slot_is_computed_once(bench):
    under_test = bench(EchoDevice(slots=2), RowCache(10_000))
    one = under_test.submit([[7] * 5])
    await asyncio.sleep(0.5)
    other = under_test.submit([[7] * 5])
    third = under_test.submit([[8]])
    answers = await asyncio.gather(one.answer, other.answer, third.answer)
    assert [answer.rows[0, 0] for answer in answers] == [7, 7, 8]
    assert under_test.observer.computed_tokens == 5 + 1


async def test_a_text_that_failed_in_another_slot_is_tried_again(bench):
    class Once(EchoDevice):
        async def run(self, batch: Batch):
            rows = await super().run(batch)
            if len(self.batches) == 1:
                raise ModelFailure("once")
            return rows

    under_test = bench(Once(slots=2), RowCache(10_000))
    one = under_test.submit([[7]])
    await asyncio.sleep(0.5)
    other = under_test.submit([[7]])
    with pytest.raises(ModelFailure, match="once"):
        await one.answer
    assert (await other.answer).rows[0, 0] == 7


async def test_a_caller_that_leaves_while_another_slot_computes_its_text_costs_nothing(bench):
    under_test = bench(EchoDevice(slots=2), RowCache(10_000))
    one = under_test.submit([[7]])
    await asyncio.sleep(0.5)
    gone = under_test.submit([[7], [8]])
    await asyncio.sleep(0.1)
    gone.answer.cancel()
    await one.answer
    await asyncio.sleep(3)
    assert len(under_test.device.batches) == 1


async def test_a_hang_in_one_slot_ends_the_engine(bench):
    class Hanging(EchoDevice):
        async def run(self, batch: Batch):
            if POISON in batch.parts[0].encoded.ids:
                await asyncio.Event().wait()
            return await super().run(batch)

    under_test = bench(Hanging(slots=2))
    under_test.batcher.rate.start_at(10, 1.0)
    under_test.submit([[POISON]])
    with pytest.raises(DeviceLost):
        await under_test.task


async def test_queue_and_forward_add_up_to_the_whole_time(bench):
    under_test = bench(Failing(2, divides=True, room_tokens=40), max_batch_size=4)
    started_s = under_test.loop.time()
    jobs = [under_test.submit([[n] * 30] * 7) for n in range(5)]
    spent: dict[int, float] = {}
    for n, job in enumerate(jobs):
        job.answer.add_done_callback(
            lambda _, n=n: spent.update({n: under_test.loop.time() - started_s})
        )
    answers = await asyncio.gather(*(job.answer for job in jobs))
    for n, answer in enumerate(answers):
        assert answer.queue_s + answer.forward_s == pytest.approx(spent[n])


texts = st.lists(st.tuples(st.integers(0, 20), st.integers(1, 40)), min_size=1, max_size=12)


@settings(deadline=None, max_examples=80)
@given(
    requests=st.lists(texts, min_size=1, max_size=8),
    room_tokens=st.integers(1, 80),
    slots=st.integers(1, 4),
    divides=st.booleans(),
    cache_bytes=st.sampled_from([0, 300, 10**6]),
)
def test_every_request_is_answered_once_whatever_fails_in_whichever_slot(
    requests, room_tokens, slots, divides, cache_bytes
):
    async def answers() -> list[Rows | BaseException]:
        async with benches() as make_bench:
            device = Failing(slots, divides, room_tokens)
            under_test = make_bench(device, RowCache(cache_bytes) if cache_bytes else None)
            jobs = []
            for request in requests:
                jobs.append(under_test.submit([[first] * length for first, length in request]))
                await asyncio.sleep(0.3)
            got = await asyncio.gather(*(job.answer for job in jobs), return_exceptions=True)
            assert under_test.queue.tokens == 0
            assert not under_test.task.done()
            await asyncio.sleep(1000)
            assert device.running == under_test.observer.running == 0
            assert device.most_running <= slots
            return got

    for request, answer in zip(requests, in_virtual_time(answers()), strict=True):
        firsts, lengths = zip(*request, strict=True)
        if max(lengths) > room_tokens or POISON in firsts:
            assert isinstance(answer, ModelFailure)
        else:
            assert isinstance(answer, Rows)
            np.testing.assert_array_equal(answer.rows, np.array(request, dtype=np.float32))


def test_a_share_is_worth_its_overhead():
    assert LEAST_SHARE_TOKENS >= 28
