"""A model as a graph gives the rows that PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval_predictor.model.load import Source, load_source, open_source
from retrieval_predictor.model.prepare import graph_of
from retrieval_predictor.settings import Component, Precision, Scoring, Settings
from retrieval_predictor.wire.ragged import joined
from retrieval_predictor.wire.work import Batch, Part, Reference
from tests.support import checkpoints, make

LENGTHS = (3, 7, 7, 7, 120, 33, 5, 64, 33)
TOLERANCE = 2e-5

Maker = Callable[[Path], Path]


def source_of(folder: Path, tmp_path: Path, **settings: Any) -> Source:
    chosen = Settings(model={"uri": f"file://{folder}"}, precision=Precision.FP32, **settings)
    return open_source(chosen, tmp_path)


def rows_of_both(source: Source, tmp_path: Path, batch: Callable[[], Batch], threads: int):
    """What PyTorch and the graph make of a batch; each gets its own, as it keeps queries there."""
    loaded = load_source(source)
    _, graph = graph_of(source, loaded.card, tmp_path, cores=2)
    return joined(loaded.runner.run(batch())), joined(graph.run(batch(), threads))


def embedding_batch() -> Batch:
    return make.batch(make.encoded(LENGTHS, vocabulary=250))


def request_batch() -> Batch:
    """A query and its documents, as late interaction wants them."""
    work = make.encoded(LENGTHS, vocabulary=250)
    return Batch((Part(work, 0, Reference(work.of(slice(1), slice(LENGTHS[0])))),))


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize(
    "maker", [checkpoints.bert, checkpoints.xlm_roberta, checkpoints.modernbert, checkpoints.mpnet]
)
@pytest.mark.parametrize("pooling", ["mean_tokens", "cls_token", "lasttoken", "max_tokens"])
def test_vectors_are_those_of_pytorch(maker: Maker, pooling: str, threads: int, tmp_path: Path):
    folder = checkpoints.sentence_files(maker(tmp_path / "model"), pooling=pooling)
    wanted, got = rows_of_both(source_of(folder, tmp_path), tmp_path, embedding_batch, threads)
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE, rtol=TOLERANCE)


def test_a_causal_models_vectors_are_those_of_pytorch(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.qwen3(tmp_path / "model"), pooling="lasttoken")
    wanted, got = rows_of_both(source_of(folder, tmp_path), tmp_path, embedding_batch, 1)
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE, rtol=TOLERANCE)


@pytest.mark.parametrize("labels", [1, 2])
def test_a_cross_encoders_scores_are_those_of_pytorch(labels: int, tmp_path: Path):
    folder = checkpoints.bert_classifier(tmp_path / "model", labels)
    source = source_of(folder, tmp_path, component=Component.RERANKER)
    wanted, got = rows_of_both(source, tmp_path, embedding_batch, 1)
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE, rtol=TOLERANCE)


def test_late_interactions_scores_are_those_of_pytorch(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    chosen = {"component": Component.RERANKER, "scoring": Scoring.LATE_INTERACTION}
    source = source_of(folder, tmp_path, **chosen)
    wanted, got = rows_of_both(source, tmp_path, request_batch, 1)
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE, rtol=TOLERANCE)


def test_batches_side_by_side_give_what_they_give_alone(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path / "model"))
    source = source_of(folder, tmp_path)
    _, graph = graph_of(source, load_source(source).card, tmp_path, cores=2)
    batches = [make.batch(make.encoded(LENGTHS, seed=seed, vocabulary=250)) for seed in range(12)]
    alone = [joined(graph.run(batch)) for batch in batches]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda batch: joined(graph.run(batch)), batches * 3))
    for got, wanted in zip(together, alone * 3, strict=True):
        np.testing.assert_allclose(got, wanted, atol=TOLERANCE)
