"""An answer says which batches it came from: how many, and how large the largest was."""

from __future__ import annotations

import asyncio

import pytest

from retrieval_predictor.wire.work import Passes
from tests.support.benches import benches


@pytest.fixture
async def bench():
    async with benches() as make_bench:
        yield make_bench


async def test_requests_that_share_a_batch_are_told_its_whole_size(bench):
    under_test = bench()
    first = under_test.submit([[1] * 4])
    await asyncio.sleep(0.5)
    later = [under_test.submit([[n] * 4]) for n in range(2, 6)]
    answers = await asyncio.gather(*(job.answer for job in later))
    assert (await first.answer).passes == Passes(1, 1, 4)
    assert {answer.passes for answer in answers} == {Passes(1, 4, 16)}


async def test_a_split_request_counts_its_batches_and_tells_of_the_largest(bench):
    job = bench().submit([[n] * 20 for n in range(10)])
    assert (await job.answer).passes == Passes(4, 3, 60)
