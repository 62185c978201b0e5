"""Texts of near-equal length share a rectangle."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.runners.groups import MOST_PADDING, STEP_TOKENS, Texts, groups_of
from tests.support import make

LENGTHS = st.lists(st.integers(1, 600), min_size=1, max_size=60)


@given(LENGTHS)
def test_every_text_is_in_one_rectangle_and_fits_it(lengths):
    groups = list(groups_of(np.array(lengths, dtype=np.int32), widest=600))
    texts = np.concatenate([group.texts for group in groups])
    assert sorted(texts.tolist()) == list(range(len(lengths)))
    assert all(max(lengths[text] for text in group.texts) <= group.width for group in groups)


@given(LENGTHS)
def test_padding_stays_below_its_share_but_for_rounding(lengths):
    for group in groups_of(np.array(lengths, dtype=np.int32), widest=600):
        real = sum(lengths[text] + STEP_TOKENS for text in group.texts)
        assert real >= (1 - MOST_PADDING) * group.texts.size * group.width


@given(LENGTHS, st.integers(64, 2048))
def test_a_rectangle_keeps_its_bound_unless_it_is_one_text(lengths, most):
    for group in groups_of(np.array(lengths, dtype=np.int32), widest=600, most=most):
        assert group.texts.size == 1 or group.texts.size * group.width <= most


@given(LENGTHS)
def test_no_rectangle_is_wider_than_the_model_takes(lengths):
    widest = max(lengths)
    assert all(
        group.width <= widest for group in groups_of(np.array(lengths, dtype=np.int32), widest)
    )


@given(LENGTHS)
def test_a_rectangle_holds_each_texts_own_tokens_and_hides_the_rest(lengths):
    work = make.encoded(lengths)
    texts = Texts.of(make.batch(work))
    for group in groups_of(work.lengths, widest=600):
        rectangle = texts.rectangle(group)
        for row, text in enumerate(group.texts.tolist()):
            start, length = int(work.lengths[:text].sum()), lengths[text]
            assert rectangle.mask[row].sum() == length
            wanted = work.ids[start : start + length]
            np.testing.assert_array_equal(rectangle.ids[row, :length], wanted)
