"""A batch is replayed at the smallest recorded size that holds it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.model.buckets import bucket_for, ladder_of


@pytest.mark.parametrize(("hidden", "most"), [(384, 2048), (768, 1024), (1024, 512), (4096, 512)])
def test_wide_models_are_recorded_for_small_batches_alone(hidden: int, most: int):
    assert ladder_of(hidden)[-1].tokens == most


@given(st.integers(1, 3000), st.integers(1, 400))
def test_a_batch_fits_its_bucket_and_no_smaller_one(tokens: int, texts: int):
    ladder = ladder_of(384)
    chosen = bucket_for(ladder, tokens, texts)
    smaller = [one for one in ladder if chosen is None or one < chosen]
    assert chosen is None or (tokens <= chosen.tokens and texts <= chosen.texts)
    assert all(tokens > one.tokens or texts > one.texts for one in smaller)
