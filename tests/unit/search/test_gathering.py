"""Queries come together while cores are busy, and are refused when too many wait."""

from __future__ import annotations

import asyncio
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.errors import DeadlineExceeded
from retrieval_search.asks import Ask, Found, pack_ask, pack_found, unpack_ask, unpack_found
from retrieval_search.engine.gathering import Gathering, places, share
from retrieval_search.errors import TooManyQueries
from retrieval_search.ranking.fusion import EMPTY

pytestmark = pytest.mark.looptime(False)


class Index:
    """Answers a batch when it is let; keeps the sizes of batches."""

    def __init__(self):
        self.may_go = threading.Event()
        self.has_begun = threading.Event()
        self.batches = []

    def search(self, asks):
        self.batches.append(len(asks))
        self.has_begun.set()
        self.may_go.wait(10)
        return [Found(1, EMPTY, EMPTY) for _ in asks]


async def begun(index):
    """Wait until a batch is being searched."""
    await asyncio.to_thread(index.has_begun.wait, 10)


async def test_a_lone_query_starts_at_once_and_the_rest_come_together():
    index = Index()
    queue = Gathering(index.search, cores=1, most=8, wait_s=0)
    first = queue.submit(Ask(10))
    await begun(index)
    others = [queue.submit(Ask(10)) for _ in range(12)]
    index.may_go.set()
    await asyncio.gather(first, *others)
    assert index.batches == [1, 8, 4]
    assert (await others[0]).batch == 8


async def test_two_cores_share_what_waits():
    index = Index()
    index.may_go.set()
    queue = Gathering(index.search, cores=2, most=64, wait_s=0)
    await asyncio.gather(*(queue.submit(Ask(10)) for _ in range(10)))
    assert index.batches == [5, 5]


async def test_a_query_whose_time_is_over_is_not_searched():
    index = Index()
    index.may_go.set()
    queue = Gathering(index.search, cores=1, most=8, wait_s=0)
    with pytest.raises(DeadlineExceeded):
        await queue.submit(Ask(10, deadline_s=time.monotonic() - 1))
    assert index.batches == []


async def test_more_than_can_be_answered_in_time_are_refused():
    index = Index()
    queue = Gathering(index.search, cores=1, most=8, wait_s=0.001)
    held = [queue.submit(Ask(10)) for _ in range(64)]
    with pytest.raises(TooManyQueries, match="64 queries wait") as refused:
        queue.submit(Ask(10))
    assert refused.value.retry_after_s >= 1
    index.may_go.set()
    await asyncio.gather(*held)


@given(st.integers(1, 500), st.integers(1, 16), st.integers(1, 64))
def test_free_cores_take_everything_that_fits(waiting, free, most):
    taken = 0
    while free and waiting > taken:
        count = share(waiting - taken, free, most)
        assert 1 <= count <= most
        taken, free = taken + count, free - 1
    assert free == 0 or taken == waiting


def test_a_bound_of_zero_seconds_is_none():
    assert places(100, 0) == float("inf")
    assert places(1000, 0.5) == 500
    assert places(0, 1) == 64


@given(st.binary(max_size=40), st.text(max_size=40), st.integers(1, 1000), st.floats(0, 1e9))
def test_a_query_survives_the_socket(condition, words, candidates, deadline_s):
    ask = Ask(candidates, None, words, condition, 7, deadline_s)
    assert unpack_ask(memoryview(pack_ask(5, ask)[13:])) == ask


def test_an_answer_survives_the_socket():
    found = Found(3, EMPTY, EMPTY, 0.1, 0.2, 0.3, 4)
    read = unpack_found(memoryview(pack_found(5, found)[13:]))
    assert (read.version, read.batch, read.queue_s, read.words_s) == (3, 4, 0.1, 0.3)


def test_a_query_that_lies_about_its_length_is_refused():
    with pytest.raises(ValueError, match="announces"):
        unpack_ask(memoryview(pack_ask(5, Ask(1, None, "words"))[13:-1]))
