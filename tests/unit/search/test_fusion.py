"""Several orders become one."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval_search.ranking.fusion import EMPTY, RRF_K, Leg, Method, fuse

scores = st.lists(st.floats(-10, 10, width=32), min_size=1, max_size=30)


@st.composite
def legs(draw):
    values = sorted(draw(scores), reverse=True)
    rows = draw(st.permutations(range(40)))[: len(values)]
    return Leg(np.array(rows, np.int64), np.array(values, np.float32))


def leg(*rows, top=1.0):
    return Leg(np.array(rows, np.int64), np.linspace(top, 0.1, len(rows), dtype=np.float32))


def test_rrf_is_the_papers_sum_of_inverse_ranks():
    fused = fuse([(leg(7, 3), 1.0), (leg(3, 9), 1.0)], Method.RRF)
    assert fused.rows.tolist() == [3, 7, 9]
    want = [1 / (RRF_K + 2) + 1 / (RRF_K + 1), 1 / (RRF_K + 1), 1 / (RRF_K + 2)]
    assert np.allclose(fused.scores / fused.scores[0], np.array(want) / want[0])


def test_the_best_of_every_leg_has_score_one():
    assert fuse([(leg(3, 7), 1.0), (leg(3, 9), 0.2)], Method.RRF).scores[0] == 1.0


def test_a_weight_of_zero_leaves_a_leg_out():
    assert fuse([(leg(1, 2), 1.0), (leg(5, 6), 0.0)], Method.RRF).rows.tolist() == [1, 2]


def test_nothing_found_is_an_empty_order():
    assert fuse([(EMPTY, 1.0), (EMPTY, 1.0)], Method.DBSF).size == 0


def test_dbsf_lets_a_far_better_score_win_where_ranks_are_equal():
    near = Leg(np.array([1, 2, 3]), np.array([0.50, 0.49, 0.48], np.float32))
    far = Leg(np.array([4, 5, 6, 7, 8]), np.array([90, 1, 1, 1, 1], np.float32))
    assert fuse([(near, 1.0), (far, 1.0)], Method.DBSF).rows[0] == 4


@given(legs(), st.sampled_from(Method))
def test_a_single_leg_keeps_its_order(one, method):
    assert fuse([(one, 1.0)], method).rows.tolist() == one.rows.tolist() or method is Method.DBSF


@given(legs(), legs(), st.sampled_from(Method))
def test_the_result_is_the_union_once_each_and_sorted(first, second, method):
    fused = fuse([(first, 1.0), (second, 0.5)], method)
    assert sorted(fused.rows.tolist()) == sorted({*first.rows.tolist(), *second.rows.tolist()})
    assert np.all(np.diff(fused.scores) <= 0)


@given(legs(), legs())
def test_what_leads_both_legs_leads(first, second):
    first = Leg(np.concatenate(([99], first.rows)), np.concatenate(([11], first.scores)))
    second = Leg(np.concatenate(([99], second.rows)), np.concatenate(([11], second.scores)))
    assert fuse([(first, 1.0), (second, 3.0)], Method.RRF).rows[0] == 99
