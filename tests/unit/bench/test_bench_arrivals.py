"""When requests leave is known before the first one does."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.arrivals import (
    Burst,
    Closed,
    Constant,
    Poisson,
    Stop,
    describe,
    offsets,
    share,
)

rates = st.floats(0.1, 5000)
seeds = st.integers(0, 2**32)


@given(rate=rates, requests=st.integers(1, 500), seed=seeds)
def test_open_loops_send_as_many_requests_as_were_asked_for_in_order(rate, requests, seed):
    for arrivals in (Poisson(rate), Constant(rate)):
        due_s = offsets(arrivals, Stop(requests=requests), seed)
        assert len(due_s) == requests
        assert (np.diff(due_s) >= 0).all()
        assert due_s[0] >= 0


@given(rate=st.floats(0.1, 500), duration_s=st.floats(0.1, 20), seed=seeds)
def test_no_request_is_due_after_the_duration(rate, duration_s, seed):
    due_s = offsets(Poisson(rate), Stop(duration_s=duration_s), seed)
    assert (due_s < duration_s).all()


@given(n=st.integers(1, 5000), within_s=st.floats(0.01, 10))
def test_a_burst_spreads_all_its_requests_over_its_time(n, within_s):
    due_s = offsets(Burst(n, within_s), Stop(requests=1, duration_s=1e-9), 0)
    assert len(due_s) == n
    assert due_s[0] == 0
    assert (due_s < within_s).all()


def test_a_constant_rate_keeps_its_distance():
    assert np.allclose(offsets(Constant(4), Stop(requests=3), 0), [0, 0.25, 0.5])


def test_poisson_arrivals_have_the_mean_and_spread_of_independent_users():
    gaps_s = np.diff(offsets(Poisson(100), Stop(requests=20_000), seed=1))
    assert np.mean(gaps_s) == pytest.approx(0.01, rel=0.03)
    assert np.std(gaps_s) == pytest.approx(0.01, rel=0.03)


def test_a_duration_is_filled_to_its_end():
    due_s = offsets(Poisson(1000), Stop(duration_s=10), seed=3)
    assert due_s[-1] > 9.9
    assert len(due_s) == pytest.approx(10_000, rel=0.05)


def test_the_same_seed_gives_the_same_times_and_another_seed_others():
    once, again, other = (offsets(Poisson(9), Stop(requests=50), seed) for seed in (7, 7, 8))
    assert (once == again).all()
    assert (once != other).any()


def test_a_rate_without_a_bound_is_refused():
    with pytest.raises(ValueError, match="number of requests or a duration"):
        offsets(Poisson(1), Stop(), 0)


@given(total=st.integers(0, 10_000), shards=st.integers(1, 32))
def test_client_processes_share_without_loss_and_almost_evenly(total, shards):
    shares = [share(total, shard, shards) for shard in range(shards)]
    assert sum(shares) == total
    assert max(shares) - min(shares) <= 1


@pytest.mark.parametrize(
    ("arrivals", "words"),
    [
        (Poisson(2.5), "poisson 2.5/s"),
        (Constant(10), "constant 10/s"),
        (Burst(500), "burst 500 in 1 s"),
        (Closed(8), "closed, 8 connections"),
    ],
)
def test_a_load_says_what_it_is(arrivals, words):
    assert describe(arrivals) == words
