"""The search finds the limit of any capacity, and never believes a lucky pass."""

from __future__ import annotations

import math
import random
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.search import Limits, largest


def follow(limits: Limits, passes: Callable[[int], bool]) -> tuple[int, list[int]]:
    """What the search finds if `passes(load)` says what holds, and every load it tried."""
    tried: list[int] = []
    finding = largest(limits)
    load = next(finding)
    while True:
        tried.append(load)
        try:
            load = finding.send(passes(load))
        except StopIteration as end:
            return end.value, tried


@given(
    capacity=st.integers(0, 100_000),
    start=st.integers(1, 5000),
    ceiling=st.integers(1, 100_000),
    resolution=st.sampled_from([0.0, 0.02, 0.1]),
    confirmations=st.integers(1, 4),
)
def test_the_limit_is_found_from_any_start(capacity, start, ceiling, resolution, confirmations):
    limits = Limits(start, ceiling, resolution, confirmations)
    found, tried = follow(limits, lambda load: load <= capacity)
    limit = min(capacity, ceiling)
    assert found <= limit
    assert limit - found <= max(1, resolution * found) or found == limit
    assert (found == 0) == (limit == 0)
    assert all(1 <= load <= ceiling for load in tried)


@given(capacity=st.integers(1, 100_000), confirmations=st.integers(1, 4))
def test_a_steady_server_is_probed_a_logarithmic_number_of_times(capacity, confirmations):
    _, tried = follow(Limits(64, 100_000, 0.0, confirmations), lambda load: load <= capacity)
    assert len(tried) <= 2 * math.log2(100_000) + 4 + confirmations


@given(capacity=st.integers(1, 5000), noise=st.floats(0, 0.5), seed=st.integers(0, 10_000))
def test_with_noise_the_result_has_passed_as_often_as_was_asked(capacity, noise, seed):
    chance = random.Random(seed)
    passes: dict[int, int] = {}

    def passed(load):
        held = load <= capacity * (1 + noise * chance.uniform(-1, 1))
        passes[load] = passes.get(load, 0) + held
        return held

    found, _ = follow(Limits(64, 10_000, 0.02, 3), passed)
    assert found == 0 or passes[found] >= 3


def test_one_lucky_pass_does_not_raise_the_result():
    lucky = iter([False])

    def passed(load):
        return load <= 100 or (load == 128 and next(lucky, True) is False)

    found, tried = follow(Limits(64, 1000, 0.0, 2), passed)
    assert found == 100
    assert tried.count(128) == 2


def test_a_server_that_fails_even_one_request_has_no_limit():
    found, tried = follow(Limits(64), lambda _: False)
    assert found == 0
    assert tried == [64, 32, 16, 8, 4, 2, 1]


def test_a_server_that_never_fails_is_stopped_by_the_ceiling():
    found, _ = follow(Limits(start=64, ceiling=1000, confirmations=3), lambda _: True)
    assert found == 1000


@pytest.mark.parametrize("start", [1, 7, 5000])
def test_the_start_beyond_the_ceiling_is_the_ceiling(start):
    found, tried = follow(Limits(start=start, ceiling=5, confirmations=1), lambda _: True)
    assert found == 5
    assert max(tried) == 5
