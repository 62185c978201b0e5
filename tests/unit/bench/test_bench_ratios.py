"""A ratio of servers comes with an interval that holds the truth as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench import stats

rounds = st.lists(st.floats(0.1, 1000), min_size=1, max_size=12)


@given(values=rounds, factor=st.floats(0.01, 100))
def test_a_server_that_is_always_k_times_faster_has_ratio_k_without_doubt(values, factor):
    found = stats.ratio([value * factor for value in values], values, seed=0)
    assert found.value == pytest.approx(factor)
    assert found.low == pytest.approx(factor)
    assert found.high == pytest.approx(factor)


@given(pairs=st.lists(st.tuples(st.floats(1, 100), st.floats(1, 100)), min_size=2, max_size=12))
def test_swapping_the_servers_inverts_the_ratio(pairs):
    ours, theirs = zip(*pairs, strict=True)
    there, back = stats.ratio(ours, theirs, 0), stats.ratio(theirs, ours, 0)
    assert there.value == pytest.approx(1 / back.value)
    assert there.low <= there.value * (1 + 1e-9)
    assert there.high >= there.value * (1 - 1e-9)


def test_noise_shared_by_a_round_cancels():
    noise = np.random.default_rng(0).lognormal(0, 1, 8)
    found = stats.ratio((noise * 1.5).tolist(), noise.tolist(), 0)
    assert (found.low, found.high) == pytest.approx((1.5, 1.5))


@pytest.mark.parametrize(("count", "at_least"), [(5, 0.88), (7, 0.91), (12, 0.92)])
def test_the_interval_of_few_rounds_still_holds_the_truth(count, at_least, monkeypatch):
    monkeypatch.setattr(stats, "RESAMPLES", 2000)
    chance = np.random.default_rng(42)
    held = 0
    for _ in range(400):
        noisy = chance.lognormal(np.log(1.5), 0.1, count)
        found = stats.ratio(noisy.tolist(), [1.0] * count, seed=1)
        held += found.low <= 1.5 <= found.high
    assert at_least <= held / 400 < 0.985


@pytest.mark.parametrize(("ours", "theirs"), [([], []), ([1.0], [0.0]), ([1.0], [1.0, 2.0])])
def test_a_ratio_of_nothing_is_refused(ours, theirs):
    with pytest.raises(ValueError):  # noqa: PT011 - zip's own message for the last case
        stats.ratio(ours, theirs, 0)
