"""What texts of a batch begin with alike is computed once, and changes no text's numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.model.load import Loaded, load
from retrieval_predictor.model.packing import Shared, pack
from retrieval_predictor.model.prefixes import LEAST_TOKENS, common_prefixes
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.wire.work import Batch, Encoded
from tests.support import checkpoints, make
from tests.support.families import FAMILIES

BY_NAME = {family.name: family for family in FAMILIES}
CAUSAL = {"Qwen3", "Mistral"}
TOLERANCE = 2e-5


def served(folder: Path, scratch: Path, **more: Any) -> Loaded:
    model = {"uri": f"file://{folder}"}
    return load(Settings(model=model, precision=Precision.FP32, **more), scratch)


def asked(prefix: int, lengths: tuple[int, ...], begin: int = 0, seed: int = 0) -> Encoded:
    """Texts that begin with the same `prefix` tokens and go on with so many of their own."""
    rows = np.split(make.encoded(lengths, seed=seed, vocabulary=250).ids, np.cumsum(lengths)[:-1])
    first = make.encoded((prefix,), seed=begin + 100, vocabulary=250).ids
    return make.rows_of([[*first.tolist(), *row.tolist()] for row in rows])


def alone(batch: Batch) -> list[Batch]:
    """Each text of a batch as a batch of its own."""
    rows = [
        np.split(part.encoded.ids, np.cumsum(part.encoded.lengths)[:-1]) for part in batch.parts
    ]
    return [make.batch(make.rows_of([row.tolist()])) for part in rows for row in part]


def shared(batch: Batch) -> Shared:
    found = pack(batch, shares=True).shared
    assert found is not None
    return found


MIXED = make.batch(
    asked(90, (1, 30, 30, 7, 200, 30)),
    asked(40, (25, 3), 1),
    asked(20, (12,), 2, 1),
    asked(20, (5,), 2, 2),
    make.encoded((3, 60), seed=3, vocabulary=250),
)
"""Requests with beginnings of their own, two of one text that begin alike, one that does not."""


@pytest.mark.parametrize("name", sorted(CAUSAL))
def test_each_text_gets_the_vector_it_would_get_alone(name: str, tmp_path: Path):
    """Mistral sees 64 tokens to the left here, which is less than what is shared."""
    loaded = served(BY_NAME[name].embedder(tmp_path / "model"), tmp_path, max_input_tokens=300)
    assert loaded.card.shares_prefixes
    got = loaded.runner.run(MIXED)
    wanted = [loaded.runner.run(one)[0] for one in alone(MIXED)]
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE)


def qwen3_classifier(folder: Path) -> Path:
    source = checkpoints.qwen3_reranker(folder.parent / "source")
    return checkpoints.converted(source, folder, ("no", "yes"), labels=2)


@pytest.mark.parametrize(
    "maker", [checkpoints.qwen3_reranker, checkpoints.mxbai_reranker, qwen3_classifier]
)
def test_documents_of_a_request_get_the_scores_they_would_get_alone(maker, tmp_path: Path):
    loaded = served(maker(tmp_path / "model"), tmp_path, component=Component.RERANKER)
    assert loaded.card.shares_prefixes
    got = loaded.runner.run(MIXED)
    wanted = [loaded.runner.run(one)[0] for one in alone(MIXED)]
    assert np.ptp(wanted) > 1e-2
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE)


@pytest.mark.parametrize("family", FAMILIES, ids=lambda one: one.name)
def test_only_a_model_that_looks_back_alone_shares(family, tmp_path: Path):
    make_model = family.embedder if family.embeds else family.classifier
    component = Component.EMBEDDER if family.embeds else Component.RERANKER
    card = served(make_model(tmp_path / "model"), tmp_path, component=component).card
    assert card.shares_prefixes == (family.name in CAUSAL)


def test_what_is_shared_is_computed_once_however_many_documents_there_are():
    documents = (27,) * 50
    assert shared(make.batch(asked(80, documents))).ids.numel() == 80 + sum(documents)


def test_requests_of_one_text_share_and_requests_of_several_keep_to_themselves():
    one, other, many = asked(40, (9,)), asked(40, (8,), seed=1), asked(40, (7, 6))
    assert common_prefixes(make.batch(one, other, many)).tokens.tolist() == [0, 40, 0, 40]


def test_texts_that_are_the_same_keep_their_last_token_each():
    found = common_prefixes(make.batch(asked(30, (1, 1)), asked(30, (1,)), asked(30, (1,))))
    assert found.tokens.tolist() == [0, 30, 0, 30]


def test_a_batch_in_which_nothing_is_shared_is_packed_as_ever():
    batch = make.batch(make.encoded((5, 40, 40)), asked(LEAST_TOKENS - 1, (9, 9)))
    assert pack(batch, shares=True).shared is None


def test_a_beginning_that_saves_next_to_nothing_is_not_shared():
    assert common_prefixes(make.batch(asked(20, (400,) * 6))).tokens.tolist() == [0] * 6


requests = st.lists(
    st.builds(
        asked,
        st.integers(0, 40),
        st.lists(st.integers(1, 30), min_size=1, max_size=5).map(tuple),
        st.integers(0, 2),
        st.integers(0, 1),
    ),
    min_size=1,
    max_size=5,
)


@given(requests)
def test_every_token_finds_one_like_it_among_those_that_are_computed(texts: list[Encoded]):
    packed = pack(make.batch(*texts), shares=True)
    lengths = packed.lengths.numpy()
    assert (np.diff(lengths) >= 0).all()
    count, _, queries, _, keys = packed.blocks.T
    assert count.sum() == lengths.size
    assert (queries <= keys).all()
    if packed.shared is None:
        return
    source, computed = packed.shared.source, packed.shared.offsets.diff().numpy()
    assert (packed.shared.ids[source] == packed.ids).all()
    assert (packed.shared.positions[source] == packed.positions).all()
    assert (computed >= 1).all()
    assert source.unique().numel() == packed.shared.ids.numel() == computed.sum()
