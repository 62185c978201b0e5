"""Rerankers score as their papers and libraries do, in any batch company."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import AutoModel, AutoModelForSequenceClassification

from retrieval_predictor.edge.answer import finish_vectors, sigmoid
from retrieval_predictor.errors import UnsupportedModel
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference
from tests.support import checkpoints, make


def reranker(folder: Path, tmp_path: Path, **settings: Any):
    configured = Settings(
        component=Component.RERANKER,
        model={"uri": f"file://{folder}"},
        precision=Precision.FP32,
        **settings,
    )
    return load(configured, tmp_path)


@pytest.mark.parametrize(
    "maker",
    [checkpoints.bert_classifier, lambda path: checkpoints.xlm_roberta(path, labels=1)],
)
def test_a_cross_encoders_logits_are_those_of_transformers(maker, tmp_path: Path):
    folder = maker(tmp_path / "model")
    served = reranker(folder, tmp_path)
    assert (served.card.scoring, served.card.encoder) == ("CrossEncoder", "packed")
    pairs = make.encoded((30, 7, 7, 100), vocabulary=250)
    segments = np.array([10, 3, 4, 20], dtype=np.int32)
    got = served.runner.run(make.batch(Encoded(pairs.ids, pairs.lengths, segments)))

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    start = 0
    for index, length in enumerate(pairs.lengths):
        ids = torch.from_numpy(pairs.ids[start : start + length]).long()[None]
        types = (torch.arange(length) >= int(segments[index])).long()[None]
        types = types if model.config.type_vocab_size > 1 else torch.zeros_like(ids)
        with torch.inference_mode():
            wanted = model(input_ids=ids, token_type_ids=types).logits[0, 0]
        np.testing.assert_allclose(got[index, 0], wanted.item(), atol=2e-5)
        start += length


def test_a_classifier_with_several_labels_is_refused(tmp_path: Path):
    folder = checkpoints.bert_classifier(tmp_path / "model", labels=3)
    with pytest.raises(UnsupportedModel, match="this classifier has 3"):
        reranker(folder, tmp_path)


def test_a_checkpoint_without_a_trained_classifier_is_refused(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    with pytest.raises(UnsupportedModel, match=r"no weights for classifier\.bias"):
        reranker(folder, tmp_path, scoring="CrossEncoder")


def max_sim(hidden: list[torch.Tensor]) -> list[float]:
    """ColBERT's equation 3, the mean over the query's tokens, written plainly."""
    inner = [torch.nn.functional.normalize(one[1:-1], dim=1) for one in hidden]
    query = inner[0]
    return [
        (query @ document.T).max(dim=1).values.mean().item() if len(document) else -1.0
        for document in inner
    ]


def test_late_interaction_is_the_mean_of_best_matches_without_special_tokens(tmp_path: Path):
    folder = checkpoints.bert(tmp_path / "model")
    served = reranker(folder, tmp_path)
    lengths = (9, 30, 2, 12, 30)
    request = make.encoded(lengths, vocabulary=250)
    got = served.runner.run(make.batch(request))[:, 0]

    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    starts = np.concatenate([[0], np.cumsum(lengths)])
    with torch.inference_mode():
        hidden = [
            model(input_ids=torch.from_numpy(request.ids[start:stop]).long()[None])[0][0]
            for start, stop in pairwise(starts)
        ]
    np.testing.assert_allclose(got, max_sim(hidden), atol=2e-5)


def test_documents_in_later_batches_meet_the_query_of_the_first(tmp_path: Path):
    served = reranker(checkpoints.bert(tmp_path / "model"), tmp_path)
    request = make.encoded((9, 30, 5, 12), vocabulary=250)
    lengths = request.lengths
    whole = served.runner.run(make.batch(request))

    reference, rows = Reference(), []
    starts = np.concatenate([[0], np.cumsum(lengths)])
    for first, stop in ((0, 2), (2, 4)):
        part = Encoded(
            request.ids[starts[first] : starts[stop]], lengths[first:stop], lengths[first:stop]
        )
        rows.append(served.runner.run(Batch((Part(part, first, reference),))))
    np.testing.assert_allclose(np.concatenate(rows), whole, atol=2e-5)


@given(st.lists(st.floats(-1e4, 1e4, width=32), min_size=1, max_size=20))
def test_sigmoid_is_right_at_both_ends_and_never_overflows(logits):
    got = sigmoid(np.array(logits, dtype=np.float32))
    wanted = 1 / (1 + np.exp(-np.clip(np.array(logits, dtype=np.float64), -700, 700)))
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, wanted, atol=1e-6)


@given(st.integers(1, 6), st.integers(1, 8))
def test_cut_vectors_have_length_one(rows, dimensions):
    vectors = np.random.default_rng(rows).normal(size=(rows, 8)).astype(np.float32)
    cut = finish_vectors(vectors, dimensions, normalise=False)
    assert cut.shape == (rows, dimensions)
    np.testing.assert_allclose(np.linalg.norm(cut, axis=1), 1.0, rtol=1e-5)


def test_a_zero_vector_stays_zero():
    zero = np.zeros((1, 4), dtype=np.float32)
    assert finish_vectors(zero, None, normalise=True).tolist() == [[0, 0, 0, 0]]
