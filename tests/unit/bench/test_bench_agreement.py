"""How far two servers' answers are apart, and what is said of the commonest differences."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval_bench.agreement import agreement
from retrieval_bench.errors import OtherLengths


def rows(*numbers: list[float]) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)


def scores(*numbers: float) -> np.ndarray:
    return np.array(numbers, dtype=np.float32)


def test_the_worst_text_is_found_among_all():
    ours = {0: rows([1, 0], [0, 1]), 1: rows([1, 1])}
    theirs = {0: rows([1, 0], [0, 2]), 1: rows([1, 0])}
    found = agreement(ours, theirs)
    assert found is not None
    assert (found.measure, found.compared, found.worst_request) == ("cosine", 2, 1)
    assert found.worst == pytest.approx(np.sqrt(0.5))
    assert found.median == pytest.approx(1)


def test_scores_are_compared_by_their_difference_and_by_the_order_they_make():
    ours = {0: scores(0.9, 0.1), 1: scores(0.2, 0.8)}
    theirs = {0: scores(0.8, 0.1), 1: scores(0.8, 0.7)}
    found = agreement(ours, theirs)
    assert found is not None
    assert (found.measure, found.same_order, found.worst_request) == ("gap", 0.5, 1)
    assert found.worst == pytest.approx(0.6, abs=1e-6)


@pytest.mark.parametrize("is_first", [True, False])
def test_logits_beside_probabilities_are_named(is_first):
    logits = {0: scores(3.0, -2.0, 0.5)}
    shares = {0: scores(*(1 / (1 + np.exp(-logits[0]))))}
    found = agreement(logits, shares) if is_first else agreement(shares, logits)
    assert found is not None
    assert ("first server gives logits" in found.hint) is is_first
    assert found.same_order == 1


def test_vectors_of_other_lengths_are_of_other_models():
    with pytest.raises(OtherLengths, match="2 numbers, the second's 3"):
        agreement({0: rows([1, 0])}, {0: rows([1, 0, 0])})


def test_without_a_common_answer_there_is_none():
    assert agreement({0: scores(1.0)}, {1: scores(1.0)}) is None
