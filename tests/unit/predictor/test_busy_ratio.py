"""The busy ratio is the share of the device that computed in the last ten seconds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.busy import Busy


def test_one_of_two_cores_is_a_half():
    busy = Busy(2, 0.0)
    busy.change(+1, 0.0)
    assert busy.ratio(10.0) == pytest.approx(0.5)
    busy.change(+1, 10.0)
    assert busy.ratio(20.0) == pytest.approx(1.0)


def test_a_gpu_with_two_batches_in_line_is_busy_once():
    busy = Busy(1, 0.0)
    busy.change(+1, 0.0)
    busy.change(+1, 0.0)
    busy.change(-1, 5.0)
    busy.change(-1, 6.0)
    assert busy.ratio(10.0) == pytest.approx(0.6)


def test_a_batch_that_still_runs_counts():
    busy = Busy(1, 0.0)
    busy.change(+1, 8.0)
    assert busy.ratio(10.0) == pytest.approx(0.2)


def test_what_is_over_ten_seconds_ago_does_not_count():
    busy = Busy(1, 0.0)
    busy.change(+1, 0.0)
    busy.change(-1, 4.0)
    assert busy.ratio(12.0) == pytest.approx(0.2)
    assert busy.ratio(30.0) == 0.0


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 5)), max_size=40), st.integers(1, 8))
def test_it_is_a_share_whatever_happens(steps, capacity):
    busy, now_s, running = Busy(capacity, 0.0), 0.0, 0
    for starts, wait_s in steps:
        now_s += wait_s
        by = 1 if starts or not running else -1
        running += by
        busy.change(by, now_s)
        assert 0.0 <= busy.ratio(now_s) <= 1.0
