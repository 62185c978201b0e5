"""A model with layers over tokens answers with their numbers, as its authors compute them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.edge.outputs import EVERYTHING, MAX_TOKEN_VECTOR_BYTES, read
from retrieval_predictor.engine.device import ThreadedDevice
from retrieval_predictor.engine.scheduler.batcher import Batcher
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.engine.scheduler.results import NoResults, Results, RowCache
from retrieval_predictor.errors import AnswerTooLarge, Malformed
from retrieval_predictor.model.load import Loaded, load
from retrieval_predictor.settings import Precision, Settings
from retrieval_predictor.wire.work import Embeddings, EmbedRequest, Encoded, Outputs, Run
from tests.support import checkpoints, make
from tests.support.benches import CountingObserver
from tests.support.near import NearEngine
from tests.support.parity import TEXTS
from tests.support.token_outputs import Formulas, Wanted, m3

TOLERANCE = 1e-5
MAX_TOKENS = 100
EACH = [Outputs(flags) for flags in range(1, 8)]


def loaded_from(folder: Path) -> Loaded:
    settings = Settings(
        model={"uri": f"file://{folder}"},
        precision=Precision.FP32,
        max_input_tokens=MAX_TOKENS,
        accept_token_ids=True,
    )
    return load(settings, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return m3(tmp_path_factory.mktemp("models") / "m3")


@pytest.fixture(scope="module")
def loaded(folder: Path) -> Loaded:
    return loaded_from(folder)


@pytest.fixture(scope="module")
def formulas(folder: Path) -> Formulas:
    return Formulas(folder)


@pytest.fixture
def answerer(loaded: Loaded) -> Answerer:
    return Answerer(NearEngine(loaded))


def same(got: Embeddings, wanted: list[Wanted], outputs: Outputs) -> None:
    """The answer is what the formulas give, and nothing that was not asked for."""
    assert got.vectors.shape == (len(wanted), 48 if Outputs.DENSE in outputs else 0)
    assert (got.sparse is not None) == (Outputs.SPARSE in outputs)
    assert (got.colbert is not None) == (Outputs.COLBERT in outputs)
    if Outputs.DENSE in outputs:
        np.testing.assert_allclose(got.vectors, [one.dense for one in wanted], atol=TOLERANCE)
    if got.sparse is not None:
        sparse = [sorted(one.sparse.items()) for one in wanted]
        assert got.sparse.lengths.tolist() == [len(one) for one in sparse]
        assert got.sparse.indices.tolist() == [index for one in sparse for index, _ in one]
        values = [value for one in sparse for _, value in one]
        np.testing.assert_allclose(got.sparse.values, values, atol=TOLERANCE)
    if got.colbert is not None:
        assert got.colbert.lengths.tolist() == [len(one.colbert) for one in wanted]
        vectors = np.concatenate([one.colbert for one in wanted])
        np.testing.assert_allclose(got.colbert.vectors, vectors, atol=TOLERANCE)


@pytest.mark.parametrize("outputs", EACH)
async def test_texts_of_all_lengths_give_what_the_formulas_give(outputs, answerer, formulas):
    got = await answerer.embed(EmbedRequest(TEXTS, outputs=outputs))
    assert got.truncated.any()
    assert len(set(got.token_counts.tolist())) > 4
    assert got.sparse is None or 0 < got.sparse.indices.size < got.token_counts.sum()
    same(got, [formulas.of_text(text, MAX_TOKENS) for text in TEXTS], outputs)


async def test_a_word_that_comes_twice_counts_once_and_special_tokens_never(answerer, formulas):
    ids = (0, 20, 30, 20, 3, 20, 2)
    got = await answerer.embed(EmbedRequest((ids, (0,)), outputs=EVERYTHING))
    same(got, [formulas.of_ids(ids), formulas.of_ids((0,))], EVERYTHING)
    assert set(got.sparse.indices.tolist()) <= {20, 30}


async def test_dimensions_and_normalise_leave_weights_and_token_vectors_alone(answerer):
    plain = await answerer.embed(EmbedRequest(TEXTS, outputs=EVERYTHING))
    cut = await answerer.embed(EmbedRequest(TEXTS, dimensions=7, outputs=EVERYTHING))
    assert cut.vectors.shape[1] == 7
    np.testing.assert_array_equal(plain.sparse.values, cut.sparse.values)
    np.testing.assert_array_equal(plain.colbert.vectors, cut.colbert.vectors)


async def answers(
    loaded: Loaded, requests: list[Encoded], results: Results
) -> tuple[list[np.ndarray], CountingObserver]:
    """What a batcher gives that has them all at once, in batches of at most 128 tokens."""
    loop, observer = asyncio.get_running_loop(), CountingObserver()
    queue = Queue(Limits(max_batch_tokens=128, max_batch_size=16), 10**9)
    device = ThreadedDevice(loaded.runner, 1, 1, divides=True)
    batcher = Batcher(queue, device, observer, loop.time, results)
    serving = asyncio.create_task(batcher.run())
    got = []
    for _ in range(2):
        jobs = [Job(Run(request), loop.time(), loop.create_future()) for request in requests]
        for job in jobs:
            batcher.submit(job)
        got += [answer.rows for answer in await asyncio.gather(*(job.answer for job in jobs))]
    serving.cancel()
    return got, observer


@pytest.mark.looptime(False)
@pytest.mark.parametrize("results", [NoResults(), RowCache(10**7)], ids=["uncached", "cached"])
async def test_requests_that_share_batches_get_what_each_asked_for(results, loaded, formulas):
    requests = [
        replace(make.encoded((5, 60, 17, 90, 9, 9, 1), seed=seed % 3, vocabulary=250), outputs=one)
        for seed, one in enumerate(EACH * 2)
    ]
    got, _ = await answers(loaded, requests, results)
    for request, rows in zip(requests * 2, got, strict=True):
        made = read(rows, request, loaded.card)
        vectors = made.vectors / np.linalg.norm(made.vectors, axis=1, keepdims=True)
        answer = Embeddings(vectors, request.lengths, request.lengths > 0)
        ids = np.split(request.ids, np.cumsum(request.lengths)[:-1])
        wanted = [formulas.of_ids(one.tolist()) for one in ids]
        answer = replace(answer, sparse=made.sparse, colbert=made.colbert)
        same(answer, wanted, request.outputs)


@pytest.mark.looptime(False)
async def test_a_text_whose_numbers_are_known_is_not_computed_again(loaded):
    requests = [replace(make.encoded((5, 30), vocabulary=250), outputs=one) for one in EACH]
    _, observer = await answers(loaded, requests, RowCache(10**7))
    assert observer.computed_tokens == sum(request.tokens for request in requests)


async def test_more_token_vectors_than_anyone_could_hold_are_refused(answerer):
    count = MAX_TOKEN_VECTOR_BYTES // (98 * 40 * 4) + 1
    request = EmbedRequest(tuple((5,) * 99 for _ in range(count)), outputs=Outputs.COLBERT)
    with pytest.raises(AnswerTooLarge, match=str(MAX_TOKEN_VECTOR_BYTES)):
        await answerer.embed(request)


async def test_a_model_without_such_layers_says_what_it_has(tmp_path):
    plain = checkpoints.sentence_files(checkpoints.xlm_roberta(tmp_path))
    answerer = Answerer(NearEngine(loaded_from(plain)))
    with pytest.raises(Malformed, match="no output 'sparse'; this model has 'embedding'"):
        await answerer.embed(EmbedRequest(("a",), outputs=Outputs.SPARSE))
