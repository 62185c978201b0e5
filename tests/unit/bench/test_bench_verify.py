"""Answers that were swapped between requests are found though every status was 200."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval_bench.dialects.wire import Rows
from retrieval_bench.verify import sample, verify


def vectors(seed: int, rows: int = 2) -> Rows:
    return np.random.default_rng(seed).standard_normal((rows, 64)).astype(np.float32)


def test_the_same_answers_agree():
    check = verify({1: vectors(1), 2: vectors(2)}, {1: vectors(1), 2: vectors(2)})
    assert check is not None
    assert check.agrees
    assert check.compared == 2
    assert check.worst == pytest.approx(1.0)


def test_half_precision_is_no_disagreement():
    rounded = vectors(1).astype(np.float16).astype(np.float32)
    check = verify({1: rounded}, {1: vectors(1)})
    assert check is not None
    assert check.agrees


def test_two_requests_with_each_others_rows_are_found():
    check = verify({1: vectors(2), 2: vectors(1)}, {1: vectors(1), 2: vectors(2)})
    assert check is not None
    assert not check.agrees


def test_rows_swapped_within_a_request_are_found():
    check = verify({1: vectors(1)[::-1]}, {1: vectors(1)})
    assert check is not None
    assert not check.agrees


def test_scores_are_compared_by_their_gap():
    check = verify({1: np.array([0.1, 9.0])}, {1: np.array([0.12, 9.2])})
    assert check is not None
    assert (check.measure, check.agrees) == ("gap", True)
    worse = verify({1: np.array([0.1, 9.0])}, {1: np.array([9.0, 0.1])})
    assert worse is not None
    assert not worse.agrees


def test_what_was_answered_only_once_cannot_be_compared():
    assert verify({1: vectors(1)}, {2: vectors(2)}) is None


def test_the_sample_covers_loads_of_any_length():
    kept = sample(100)
    assert sorted(kept)[:5] == [100, 101, 103, 107, 115]
    assert max(kept) > 500_000
