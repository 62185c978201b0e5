"""Figures mean what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench import stats
from retrieval_bench.outcomes import TIMER_GRAIN_S, Ending, Outcome, gather, merge
from tests.support import load

values = st.lists(st.floats(0.001, 1000), min_size=1, max_size=200)


@given(values=values, q=st.floats(0.001, 1))
def test_a_percentile_was_observed_and_covers_its_share(values, q):
    found = stats.quantile(np.array(values), q)
    assert found in values
    assert np.mean(np.array(values) <= found) >= q - 1e-9
    assert np.mean(np.array(values) < found) < q + 1e-9


@given(values=values)
def test_percentiles_are_ordered_and_bounded_by_the_extremes(values):
    at = stats.summarise(load.outcomes(values), 1, None).latency
    assert at is not None
    points = [at.p50_s, at.p90_s, at.p95_s, at.p99_s, at.p999_s, at.max_s]
    assert points == sorted(points)
    assert at.max_s == pytest.approx(max(values))


@given(parts=st.lists(values, min_size=1, max_size=4))
def test_merging_client_processes_loses_no_request(parts):
    merged = merge([load.outcomes(part) for part in parts])
    together = load.outcomes([value for part in parts for value in part])
    assert stats.summarise(merged, 1, 1.0) == stats.summarise(together, 1, 1.0)


def test_failures_are_counted_by_kind_and_have_no_part_in_the_latency():
    mixed = gather(
        [
            load.outcome(0.1),
            load.outcome(9.0, ending=Ending.TIMED_OUT),
            load.outcome(0.002, ending=Ending.REJECTED),
            load.outcome(0.003, ending=Ending.REJECTED),
        ]
    )
    summary = stats.summarise(mixed, texts=4, within_s=3.0)
    assert summary.failures == {"rejected": 2, "timed_out": 1}
    assert summary.latency is not None
    assert summary.latency.max_s == pytest.approx(0.1)
    assert summary.rejected_p99_s == pytest.approx(0.003)
    assert summary.answered_per_s == pytest.approx(1 / 9)
    assert summary.texts_per_s == pytest.approx(4 / 9)


def test_goodput_counts_only_what_was_answered_in_time():
    summary = stats.summarise(load.outcomes([0.1, 0.2, 0.3, 1.0]), 1, within_s=0.25)
    assert summary.goodput_per_s == pytest.approx(2.0)


def test_a_load_without_answers_has_no_latency_and_no_error():
    for nothing in (load.outcomes([]), load.outcomes([1.0], ending=Ending.UNREACHABLE)):
        summary = stats.summarise(nothing, 1, 1.0)
        assert summary.latency is None
        assert summary.answered_per_s == 0
        assert stats.curve(nothing) == ()


@given(late_s=st.floats(0, 5), service_s=st.floats(0.001, 5))
def test_a_request_that_left_late_is_charged_from_when_it_was_due(late_s, service_s):
    due = gather([Outcome(1.0, 1.0 + late_s, 1.0 + late_s + service_s, Ending.ANSWERED)])
    charged = float(due.latency_s[0])
    assert service_s - 1e-9 <= charged <= late_s + service_s + 1e-9
    assert charged >= late_s + service_s - TIMER_GRAIN_S - 1e-9


def test_a_timer_that_fires_early_never_shortens_a_latency():
    early = gather([Outcome(1.0, 0.9995, 1.0095, Ending.ANSWERED)])
    assert early.latency_s[0] == pytest.approx(0.01)


def test_the_timeline_accounts_for_every_request():
    spread = gather([load.outcome(0.5, due_s=second / 4) for second in range(20)])
    line = stats.timeline(spread)
    assert sum(line.answered) == 20
    assert line.second == tuple(range(6))
    assert line.p50_s[1] == pytest.approx(0.5)


def test_a_rate_that_falls_off_is_not_steady_and_an_even_one_is():
    even = gather([load.outcome(0.0, due_s=number / 1000) for number in range(10_000)])
    falling = gather([load.outcome(0.0, due_s=10 - (100 - n / 100) ** 0.5) for n in range(10_000)])
    assert stats.summarise(even, 1, None).steady
    assert not stats.summarise(falling, 1, None).steady


@given(values=values)
def test_the_curve_rises_to_the_slowest_answer(values):
    curve = stats.curve(load.outcomes(values))
    assert [s for _, s in curve] == sorted(s for _, s in curve)
    assert curve[-1][1] == pytest.approx(max(values))
