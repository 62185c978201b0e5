"""What shares a forward pass: properties of the policy, for any mix of work."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.job import Job, Lane
from retrieval_predictor.engine.scheduler.policy import Limits, Take, Wait, decide
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.wire.admission import QUERY_LANE_TOKENS
from tests.support import make

LIMITS = Limits(max_batch_tokens=512, max_batch_size=16)

texts = st.integers(1, 256)
requests = st.lists(st.lists(texts, min_size=1, max_size=40), min_size=1, max_size=12)
rates = st.sampled_from([0.0, 40.0, 2000.0, 10**6])


def queue_of(all_lengths, limits=LIMITS) -> tuple[Queue, list[Job]]:
    queue = Queue(limits, max_tokens=10**9)
    jobs = [make.job(lengths, arrived_s=index * 1e-3) for index, lengths in enumerate(all_lengths)]
    for job in jobs:
        queue.put(job, 0.0)
    return queue, jobs


def take(queue: Queue, now_s: float, tokens_per_s: float = 0.0) -> Take:
    """The decision of a queue that has work, taken."""
    decision = queue.next(now_s, tokens_per_s=tokens_per_s)
    assert isinstance(decision, Take)
    queue.take(decision.cuts, now_s)
    return decision


@given(requests, rates)
def test_no_batch_is_over_budget_and_every_text_is_taken_once_in_order(all_lengths, tokens_per_s):
    queue, jobs = queue_of(all_lengths)
    taken: dict[int, list[int]] = {id(job): [] for job in jobs}
    now_s = 1.0
    while isinstance(decision := queue.next(now_s, tokens_per_s=tokens_per_s), Take):
        parts = queue.take(decision.cuts, now_s)
        assert sum(part.encoded.tokens for part in parts) <= LIMITS.max_batch_tokens
        assert 1 <= sum(part.encoded.lengths.size for part in parts) <= LIMITS.max_batch_size
        for cut, part in zip(decision.cuts, parts, strict=True):
            taken[id(cut.job)] += range(part.first, part.first + part.encoded.lengths.size)
        now_s += 0.01
    assert queue.tokens == 0
    for job in jobs:
        assert taken[id(job)] == list(range(job.size))


@given(requests)
def test_a_text_over_a_budget_that_shrank_is_computed_alone_and_in_time(all_lengths):
    queue, jobs = queue_of(all_lengths)
    queue.budget.shrink(200, now_s=0.0)
    now_s, batches = 1.0, 0
    while isinstance(decision := queue.next(now_s), Take):
        parts = queue.take(decision.cuts, now_s)
        tokens = sum(part.encoded.tokens for part in parts)
        assert tokens <= 100 or sum(part.encoded.lengths.size for part in parts) == 1
        now_s, batches = now_s + 0.1, batches + 1
    assert not any(job.waits for job in jobs)
    assert batches <= sum(job.size for job in jobs)


@given(st.lists(st.lists(st.integers(1, 200), min_size=1, max_size=3), max_size=20))
def test_a_long_request_delays_a_query_by_one_batch_at_most(queries):
    queue, _ = queue_of([[200] * 500])
    take(queue, 1.0)
    late = [make.job(lengths, arrived_s=1.0) for lengths in queries]
    for job in late:
        queue.put(job, 0.0)
    second = take(queue, 1.01)
    order = [cut.job.lane for cut in second.cuts]
    assert order == sorted(order)
    if late:
        assert second.cuts[0].job is late[0]


@pytest.mark.parametrize("tokens_per_s", [0.0, 40.0, 2000.0])
def test_a_long_request_makes_progress_under_a_flood_of_queries(tokens_per_s: float):
    queue, (bulk,) = queue_of([[200] * 40])
    now_s, gaps, last_s = 0.0, [], 0.0
    while bulk.waits:
        for _ in range(10):
            queue.put(make.job([100], arrived_s=now_s), 0.0)
        before = bulk.next_row
        take(queue, now_s, tokens_per_s)
        if bulk.next_row > before:
            gaps.append(now_s - last_s)
            last_s = now_s
        now_s += 0.05
    assert max(gaps) <= LIMITS.patience_s + 0.05 + 1e-9


def tokens_of(decision: Take | Wait, lane: Lane) -> int:
    """What a batch that is not taken yet has of one lane."""
    assert isinstance(decision, Take)
    return sum(cut.job.tokens_of(cut.rows) for cut in decision.cuts if cut.job.lane is lane)


WIDE = Limits(max_batch_tokens=4096, max_batch_size=2048)


@pytest.mark.parametrize(
    ("tokens_per_s", "slice_tokens"), [(0.0, 4096), (2000.0, 500), (100.0, 256), (10**6, 4096)]
)
def test_a_batch_takes_about_a_quarter_of_a_second(tokens_per_s, slice_tokens):
    for lane, lengths in ((Lane.BULK, [[4] * 5000]), (Lane.QUERY, [[4]] * 5000)):
        queue, _ = queue_of(lengths, WIDE)
        batch = queue.next(10.0, tokens_per_s=tokens_per_s)
        assert tokens_of(batch, lane) == slice_tokens


@pytest.mark.parametrize(
    ("tokens_per_s", "filling_tokens"), [(0.0, 4084), (2000.0, 40), (100.0, 0), (10**6, 4084)]
)
def test_bulk_work_makes_a_batch_of_queries_hardly_longer(tokens_per_s, filling_tokens):
    queue, _ = queue_of([[4] * 5000, [12]], WIDE)
    batch = queue.next(0.1, tokens_per_s=tokens_per_s)
    assert tokens_of(batch, Lane.QUERY) == 12
    assert tokens_of(batch, Lane.BULK) == filling_tokens


@pytest.mark.parametrize(("queries", "tokens"), [(1, (12, 488)), (100, (240, 260))])
def test_bulk_work_that_has_waited_gets_half_of_a_batch_and_what_queries_leave(queries, tokens):
    queue, _ = queue_of([[4] * 5000, *([[12]] * queries)], WIDE)
    batch = queue.next(10.0, tokens_per_s=2000.0)
    assert (tokens_of(batch, Lane.QUERY), tokens_of(batch, Lane.BULK)) == tokens


def test_each_free_share_of_a_slow_device_gets_a_slice():
    queue, _ = queue_of([[4] * 5000], WIDE)
    queue.shares = 4
    both = queue.next(1.0, free_shares=2, tokens_per_s=100.0)
    assert tokens_of(both, Lane.BULK) == 512


def test_two_long_requests_take_turns():
    queue, (one, other) = queue_of([[200] * 40, [200] * 40])
    for step in range(1, 7):
        take(queue, float(step))
    assert one.next_row == other.next_row == 6


def test_requests_in_a_lane_are_served_in_order_of_arrival():
    queue, jobs = queue_of([[400], [400], [10]])
    order = []
    for step in (1.0, 2.0):
        order += [cut.job for cut in take(queue, step).cuts]
    assert order == jobs


def test_an_empty_queue_waits_for_ever():
    assert decide((), (), 5.0, LIMITS) == Wait(math.inf)


def test_a_delay_holds_an_unfilled_batch_back_and_no_longer():
    limits = Limits(max_batch_tokens=100, max_batch_size=16, max_delay_s=0.02)
    queue, _ = queue_of([[10]], limits)
    assert queue.next(0.01) == Wait(0.02)
    assert isinstance(queue.next(0.02), Take)


def test_a_full_batch_does_not_wait_for_the_delay():
    limits = Limits(max_batch_tokens=100, max_batch_size=16, max_delay_s=0.02)
    queue, _ = queue_of([[60], [60]], limits)
    assert isinstance(queue.next(0.0), Take)


def test_the_lane_follows_from_the_tokens_alone():
    assert make.job([QUERY_LANE_TOKENS]).lane is Lane.QUERY
    assert make.job([QUERY_LANE_TOKENS, 1]).lane is Lane.BULK
