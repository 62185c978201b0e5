"""A faster way to compute scores serves only where nobody could tell it from the model's own."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.model.margin import MOST_MOVED, margin_of

scores = st.lists(st.floats(0, 1, width=32), min_size=2, max_size=8)


def told(*values: float) -> np.ndarray:
    return np.array(values, dtype=np.float32)


@given(scores)
def test_the_same_scores_always_hold(values: list[float]):
    same = told(*values)
    assert margin_of(same, same, same).holds


@given(scores, st.floats(-1, 1), st.data())
def test_no_score_may_move_by_more_than_a_user_sees(values: list[float], by: float, data):
    slow = told(*values)
    fast = slow.copy()
    fast[data.draw(st.integers(0, slow.size - 1))] += by
    assert margin_of(slow, fast, slow).holds <= (abs(by) <= MOST_MOVED + 1e-6)


def test_texts_may_swap_where_the_model_itself_cannot_tell_them_apart():
    slow, fast = told(0.500, 0.504, 0.9), told(0.503, 0.501, 0.9)
    restless, calm = told(0.505, 0.504, 0.9), told(0.5005, 0.504, 0.9)
    assert margin_of(slow, fast, restless).holds
    assert not margin_of(slow, fast, calm).holds


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_what_is_no_number_never_holds(bad: float):
    slow = told(0.1, 0.2)
    assert not margin_of(slow, told(0.1, bad), slow).holds
