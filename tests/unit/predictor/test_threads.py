"""A batch gets as many CPU threads as it can feed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.device import threads_for


@given(st.integers(1, 10**6), st.integers(1, 1024), st.integers(1, 256))
def test_threads_stay_within_what_there_is_and_grow_with_the_batch(tokens, each, most):
    threads = threads_for(tokens, each, most)
    assert 1 <= threads <= most
    assert threads_for(tokens + each, each, most) >= threads


@pytest.mark.parametrize(("tokens", "threads"), [(1, 1), (384, 1), (800, 3), (10_000, 8)])
def test_a_short_query_is_computed_by_one_thread_and_a_full_batch_by_all(tokens, threads):
    assert threads_for(tokens, 256, 8) == threads
