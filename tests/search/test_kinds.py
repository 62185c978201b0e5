"""Every kind finds what an exact search finds, filtered or not, out of shared memory."""

from __future__ import annotations

import faiss
import numpy as np
import pytest

from retrieval_search.build.assembling import _compact
from retrieval_search.build.tuning import AIM, measured
from retrieval_search.index.manifest import Kind
from retrieval_search.index.vectors import COMPACT, FULL, Vectors, nearest

COUNT, DIMENSIONS = 20_000, 48


def clustered(count, seed):
    rng = np.random.default_rng(seed)
    centres = np.random.default_rng(1).standard_normal((100, DIMENSIONS))
    rows = centres[rng.integers(0, 100, count)] + 0.6 * rng.standard_normal((count, DIMENSIONS))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


@pytest.fixture(scope="module", params=list(Kind))
def vectors(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("kind")
    full = clustered(COUNT, 2)
    np.save(folder / FULL, full)
    if request.param is not Kind.FLAT:
        faiss.write_index(_compact(request.param, full), str(folder / COMPACT))
    tuning = measured(Vectors(folder, request.param, 0), request.param)
    return Vectors(folder, request.param, tuning.effort)


def exact(vectors, query, rows, count):
    return {*nearest(vectors.full, query, rows, count).rows.tolist()}


def test_a_batch_finds_the_true_nearest_hundred(vectors):
    queries = clustered(32, 3)
    found = vectors.search(queries, 100, 0)
    everyone = np.arange(COUNT)
    shares = [
        len(exact(vectors, query, everyone, 100) & {*leg.rows.tolist()}) / 100
        for query, leg in zip(queries, found, strict=True)
    ]
    assert np.mean(shares) >= AIM - 0.03


def test_a_batch_and_a_lone_query_agree(vectors):
    queries = clustered(8, 4)
    together = vectors.search(queries, 10, 0)
    for query, leg in zip(queries, together, strict=True):
        assert vectors.search(query[None], 10, 0)[0].rows.tolist() == leg.rows.tolist()


@pytest.mark.parametrize("share", [0.0005, 0.01, 0.3])
def test_a_filter_keeps_recall_however_few_it_leaves(vectors, share):
    mask = np.random.default_rng(5).random(COUNT) < share
    matches = np.flatnonzero(mask)
    for query in clustered(10, 6):
        leg = vectors.search_among(query, 20, 0, mask)
        assert mask[leg.rows].all()
        want = exact(vectors, query, matches, 20)
        assert leg.size == len(want)
        assert len(want & {*leg.rows.tolist()}) >= 0.9 * len(want)


def test_a_filter_that_nothing_fulfils_finds_nothing(vectors):
    assert vectors.search_among(clustered(1, 7)[0], 20, 0, np.zeros(COUNT, bool)).size == 0


def test_more_is_asked_for_than_there_is(vectors):
    mask = np.zeros(COUNT, bool)
    mask[:3] = True
    assert vectors.search_among(clustered(1, 7)[0], 20, 0, mask).size == 3
