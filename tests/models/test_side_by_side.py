"""Batches computed at the same time, by real threads, give what they give alone."""

from __future__ import annotations

import asyncio
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from retrieval_predictor.engine.device import ThreadedDevice
from retrieval_predictor.engine.scheduler.batcher import Batcher
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference, Run
from tests.support import checkpoints, make
from tests.support.benches import CountingObserver

TOLERANCE = 1e-5

pytestmark = pytest.mark.looptime(False)


def runner_of(tmp_path: Path, component: Component = Component.EMBEDDER):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path / "model"))
    settings = Settings(
        model={"uri": f"file://{folder}"}, precision=Precision.FP32, component=component
    )
    return load(settings, tmp_path).runner


async def answers(runner, requests: list[Encoded], slots: int) -> list[np.ndarray]:
    loop = asyncio.get_running_loop()
    queue = Queue(Limits(max_batch_tokens=512, max_batch_size=64), 10**9)
    device = ThreadedDevice(runner, slots, slots, divides=True)
    batcher = Batcher(queue, device, CountingObserver(), loop.time)
    serving = asyncio.create_task(batcher.run())
    jobs = [Job(Run(request), loop.time(), loop.create_future()) for request in requests]
    for job in jobs:
        batcher.submit(job)
    got = [answer.rows for answer in await asyncio.gather(*(job.answer for job in jobs))]
    serving.cancel()
    return got


@pytest.mark.parametrize("slots", [1, 3])
async def test_a_row_is_the_same_in_any_company(slots, tmp_path: Path):
    runner = runner_of(tmp_path)
    requests = [
        make.encoded((5, 60, 17, 100, 9, 9), seed=seed, vocabulary=250) for seed in range(12)
    ]
    got = await answers(runner, requests, slots)
    for request, rows in zip(requests, got, strict=True):
        alone = runner.run(make.batch(request))
        np.testing.assert_allclose(rows, alone, atol=TOLERANCE)


@pytest.mark.parametrize("slots", [1, 4])
async def test_documents_meet_their_query_in_whichever_slot(slots, tmp_path: Path):
    runner = runner_of(tmp_path, Component.RERANKER)
    requests = [make.encoded((7, *[40] * 20), seed=seed, vocabulary=250) for seed in range(4)]
    got = await answers(runner, requests, slots)
    for request, rows in zip(requests, got, strict=True):
        whole = runner.run(make.batch(request))
        np.testing.assert_allclose(rows[1:], whole[1:], atol=TOLERANCE)


def test_documents_that_come_before_their_query_bring_it_along(tmp_path: Path):
    runner = runner_of(tmp_path, Component.RERANKER)
    request = make.encoded((7, 30, 12, 40), vocabulary=250)
    whole = runner.run(make.batch(request))
    starts = np.concatenate([[0], np.cumsum(request.lengths)])
    rows = [
        Encoded(request.ids[start:stop], request.lengths[n : n + 1], request.segments[n : n + 1])
        for n, (start, stop) in enumerate(pairwise(starts))
    ]
    reference, other = Reference(rows[0]), make.encoded((7, 9), seed=3, vocabulary=250)
    parts = (
        Part(rows[2], 2, reference),
        Part(other, 0, Reference()),
        Part(rows[1], 1, Reference(rows[0])),
    )
    got = runner.run(Batch(parts))
    assert got.shape == (4, 1)
    np.testing.assert_allclose(got[[3, 0]], whole[[1, 2]], atol=TOLERANCE)
    assert reference.vectors is not None
