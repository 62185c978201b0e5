"""A worker holds so many requests and bytes, and gives everything back."""

from __future__ import annotations

from contextlib import ExitStack

import pytest
from hypothesis import given
from hypothesis import strategies as some

from retrieval_predictor.edge.budget import SMALL_BYTES, Budget, Holding
from retrieval_predictor.edge.protocol.faults import fault_of, headers_of
from retrieval_predictor.errors import WorkerFull


@given(some.lists(some.lists(some.integers(0, 60), max_size=4), max_size=12))
def test_no_more_is_held_than_the_budget_and_one_piece_and_all_is_given_back(requests):
    budget = Budget(max_requests=8, max_bytes=100)
    with ExitStack() as held:
        for sizes in requests:
            try:
                with ExitStack() as request:
                    holding = request.enter_context(Holding(budget))
                    holding.open()
                    for size in sizes:
                        holding.take(size)
                    held.push(request.pop_all())
            except WorkerFull:
                pass
            assert budget.requests <= 8
            assert budget.held_bytes < 100 + 60
    assert (budget.requests, budget.held_bytes) == (0, 0)


def test_a_request_of_any_size_is_taken_while_there_is_room():
    budget = Budget(max_requests=8, max_bytes=100)
    with Holding(budget) as small, Holding(budget) as large, Holding(budget) as late:
        small.take(74)
        large.take(1_000_000)
        with pytest.raises(WorkerFull):
            late.take(1)


def test_large_requests_leave_a_quarter_to_small_ones():
    budget = Budget(max_requests=8, max_bytes=10 * SMALL_BYTES)
    with ExitStack() as held:
        large, second, small = (held.enter_context(Holding(budget)) for _ in range(3))
        large.take(8 * SMALL_BYTES)
        with pytest.raises(WorkerFull):
            second.take(SMALL_BYTES + 1)
        small.take(SMALL_BYTES)
        with pytest.raises(WorkerFull):
            small.take(1)


def test_who_is_refused_is_told_the_numbers_and_when_to_come_back():
    budget = Budget(max_requests=1, max_bytes=100)
    with Holding(budget) as one, Holding(budget) as other:
        one.take(7)
        with pytest.raises(WorkerFull, match=r"2 requests of 7 bytes.* 1 and 100") as refused:
            other.open()
    assert fault_of(refused.value).status == 429
    assert headers_of(refused.value) == {"retry-after": "1"}
