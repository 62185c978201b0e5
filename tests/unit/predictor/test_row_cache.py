"""A text is not computed twice, and nobody can tell from the rows."""

from __future__ import annotations

import asyncio
import tracemalloc
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.results import RowCache
from retrieval_predictor.errors import ModelFailure, NonFinite
from retrieval_predictor.wire.work import NO_CACHE, SHARED_CACHE, Batch, Outputs, Rows, Run
from tests.support import make
from tests.support.benches import EchoDevice, benches, in_virtual_time


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


texts = st.lists(st.integers(1, 3), min_size=1, max_size=4)
requests = st.lists(st.lists(texts, min_size=1, max_size=6), min_size=1, max_size=8)


class Hashing(EchoDevice):
    """A row that depends on every id and on the order of them."""

    async def run(self, batch: Batch):
        await super().run(batch)
        rows = []
        for part in batch.parts:
            ends = np.cumsum(part.encoded.lengths)[:-1]
            rows += [row_of(ids) for ids in np.split(part.encoded.ids, ends)]
        return np.stack(rows)


def row_of(ids) -> np.ndarray:
    powers = np.float32(1.1) ** np.arange(len(ids), dtype=np.float32)
    return np.array([(ids * powers).sum(), np.sin(ids).sum()], dtype=np.float32)


@settings(deadline=None, max_examples=50)
@given(asked=requests, max_bytes=st.integers(0, 2000))
def test_every_row_is_the_computed_one_bit_for_bit_and_in_order(asked, max_bytes):
    async def run() -> None:
        cache = RowCache(max_bytes)
        async with benches() as make_bench:
            under_test = make_bench(Hashing(), cache)
            jobs = []
            for request in asked:
                jobs.append(under_test.submit(request))
                await asyncio.sleep(0.3)
                assert cache.size_bytes <= max_bytes
            for request, job in zip(asked, jobs, strict=True):
                wanted = np.stack([row_of(np.array(ids, dtype=np.int32)) for ids in request])
                assert (await job.answer).rows.tobytes() == wanted.tobytes()
        texts_asked = sum(map(len, asked))
        assert under_test.observer.hits + under_test.observer.misses == texts_asked

    in_virtual_time(run())


async def test_a_request_whose_texts_are_all_known_never_waits(bench):
    under_test = bench(results=RowCache(10_000))
    await under_test.submit([[1], [2]]).answer
    again = under_test.submit([[2], [1], [2]])
    assert again.answer.done()
    assert again.answer.result().rows[:, 0].tolist() == [2, 1, 2]
    assert len(under_test.device.batches) == 1


async def test_a_text_that_is_in_a_batch_twice_is_computed_once(bench):
    under_test = bench(results=RowCache(10_000))
    jobs = [under_test.submit([[7] * 5, [n]]) for n in range(3)]
    answers = [(await job.answer).rows[:, 0].tolist() for job in jobs]
    assert answers == [[7, 0], [7, 1], [7, 2]]
    assert under_test.observer.computed_tokens == 5 + 3
    assert (under_test.observer.hits, under_test.observer.misses) == (2, 4)


def test_a_row_is_known_for_what_was_wanted_of_its_text_alone():
    cache = RowCache(10_000)
    weighed = replace(make.rows_of([[1, 2], [3]]), outputs=Outputs.SPARSE)
    lookup = cache.look_up(make.batch(weighed))
    lookup.fill([np.ones(2, dtype=np.float32), np.zeros(1, dtype=np.float32)])
    lookup.release()
    known = cache.known(weighed)
    assert known is not None
    assert [row.tolist() for row in known] == [[1, 1], [0]]
    assert cache.known(make.rows_of([[1, 2], [3]])) is None


def test_a_row_that_is_larger_than_the_cache_pushes_nothing_out_of_it():
    cache = RowCache(1000)
    for ids, row in ([1], np.ones(2)), ([2], np.ones(500)):
        lookup = cache.look_up(make.batch(make.rows_of([ids])))
        lookup.fill([row.astype(np.float32)])
        lookup.release()
    assert cache.known(make.rows_of([[1]])) is not None
    assert cache.known(make.rows_of([[2]])) is None


def test_texts_that_are_left_to_compute_keep_what_is_wanted_of_them():
    cache = RowCache(10_000)
    dense, weighed = make.rows_of([[1], [2]]), make.rows_of([[3, 4], [5], [6]])
    weighed = replace(weighed, outputs=Outputs.SPARSE)
    first = cache.look_up(make.batch(replace(make.rows_of([[5]]), outputs=Outputs.SPARSE)))
    first.fill([np.array([0.5], dtype=np.float32)])
    first.release()
    lookup = cache.look_up(make.batch(dense, weighed))
    left = [(part.encoded.ids.tolist(), part.encoded.outputs) for part in lookup.missing.parts]
    assert left == [([1, 2], Outputs.DENSE), ([3, 4, 6], Outputs.SPARSE)]
    rows = [np.full(size, size, dtype=np.float32) for size in (3, 3, 2, 1)]
    assert [row.tolist() for row in lookup.fill(rows)] == [[3] * 3, [3] * 3, [2, 2], [0.5], [1]]


async def test_a_text_that_was_computed_while_it_waited_is_not_computed_again(bench):
    under_test = bench(results=RowCache(10_000))
    first = under_test.submit([[7]])
    await asyncio.sleep(0.5)
    second = under_test.submit([[7]])
    await first.answer
    await second.answer
    assert len(under_test.device.batches) == 1


async def test_the_same_ids_cut_elsewhere_are_another_text():
    cache = RowCache(10_000)
    one = make.rows_of([[1, 2, 3]])
    cache.look_up(make.batch(one)).fill(np.ones((1, 2), dtype=np.float32))
    pair = type(one)(one.ids, one.lengths, one.lengths - 1)
    assert cache.known(one) is not None
    assert cache.known(pair) is None
    assert cache.known(make.rows_of([[1, 2], [3]])) is None


async def test_failures_are_never_remembered(bench):
    class Recovering(EchoDevice):
        async def run(self, batch: Batch):
            rows = await super().run(batch)
            if len(self.batches) == 1:
                raise ModelFailure("once")
            return rows if len(self.batches) > 2 else rows * np.nan

    under_test = bench(Recovering(), RowCache(10_000))
    for failure in (ModelFailure, NonFinite):
        with pytest.raises(failure):
            await under_test.submit([[1]]).answer
    assert isinstance(await under_test.submit([[1]]).answer, Rows)


def test_the_least_recently_used_row_goes_first():
    cache = RowCache(600)
    for number in range(3):
        kept = cache.known(make.rows_of([[0]]))
        assert (kept is None) == (number == 0)
        encoded = make.rows_of([[number]])
        cache.look_up(make.batch(encoded)).fill(np.ones((1, 4), dtype=np.float32))
    assert cache.known(make.rows_of([[0]])) is not None
    assert cache.known(make.rows_of([[1]])) is None


@pytest.mark.parametrize("width", [1, 384])
def test_the_bound_is_what_python_really_holds(width):
    lookups = np.ones((500, width), dtype=np.float32)
    batches = [make.batch(make.rows_of([[500 * n + k] for k in range(500)])) for n in range(20)]
    tracemalloc.start()
    cache = RowCache(10**9)
    for batch in batches:
        cache.look_up(batch).fill(lookups)
    held_bytes, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 0.6 <= held_bytes / cache.size_bytes <= 1.05


def asked_by(under_test, texts: list[list[int]], cache: int):
    """A request whose rows are shared with those of the same number."""
    run = Run(replace(make.rows_of(texts), cache=cache))
    job = Job(run, under_test.loop.time(), under_test.loop.create_future())
    under_test.batcher.submit(job)
    return job


async def test_nobody_learns_from_the_time_of_an_answer_what_another_key_has_sent(bench):
    under_test = bench(results=RowCache(10_000))
    one, other = 11, 12
    await asked_by(under_test, [[1, 2]], one).answer
    for cache in (other, SHARED_CACHE):
        answer = await asked_by(under_test, [[1, 2]], cache).answer
        assert answer.forward_s == 1.0
    assert (await asked_by(under_test, [[1, 2]], one).answer).forward_s == 0.0


async def test_a_request_may_have_no_part_in_the_cache(bench):
    under_test = bench(results=(cache := RowCache(10_000)))
    for _ in range(2):
        answer = await asked_by(under_test, [[1, 2], [1, 2], [3]], NO_CACHE).answer
        assert answer.forward_s == 1.0
        assert answer.rows[:, 0].tolist() == [1, 1, 3]
    assert cache.size_bytes == 0
    await asked_by(under_test, [[1, 2]], SHARED_CACHE).answer
    assert (await asked_by(under_test, [[1, 2]], NO_CACHE).answer).forward_s == 1.0


async def test_a_request_without_a_part_in_the_cache_waits_for_nobody_elses_batch(bench):
    under_test = bench(EchoDevice(slots=2), RowCache(10_000))
    shared = asked_by(under_test, [[1, 2]], SHARED_CACHE)
    await asyncio.sleep(0.5)
    apart = asked_by(under_test, [[1, 2]], NO_CACHE)
    assert (await apart.answer).queue_s == 0.0
    await shared.answer
    assert len(under_test.device.batches) == 2
