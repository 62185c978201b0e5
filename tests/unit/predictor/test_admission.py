"""A bounded queue says no early, with the numbers and a time to come back."""

from __future__ import annotations

import pytest

from retrieval_predictor.engine.scheduler.policy import Limits, Take
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.errors import Overloaded
from tests.support import make

LIMITS = Limits(max_batch_tokens=64, max_batch_size=8)


def test_a_full_queue_refuses_and_says_when_to_retry():
    queue = Queue(LIMITS, max_tokens=1000)
    queue.put(make.job([50] * 18), 0.0)
    with pytest.raises(Overloaded) as refused:
        queue.put(make.job([50] * 10), drain_tokens_per_s=100.0)
    assert refused.value.facts() == {
        "tokens": 500,
        "queued_tokens": 900,
        "limit_tokens": 1000,
        "retry_after_s": 4.0,
    }
    assert queue.tokens == 900


def test_one_text_and_many_texts_are_counted_the_same_way():
    queue = Queue(LIMITS, max_tokens=100)
    queue.put(make.job([60]), 0.0)
    for lengths in ([50], [25, 25], [1] * 50):
        with pytest.raises(Overloaded):
            queue.put(make.job(lengths), 1.0)
    queue.put(make.job([20, 20]), 1.0)


def test_a_request_larger_than_the_bound_is_taken_when_nothing_waits():
    queue = Queue(LIMITS, max_tokens=100)
    queue.put(make.job([64] * 50), 1.0)
    with pytest.raises(Overloaded):
        queue.put(make.job([64] * 50), 1.0)


def test_a_long_request_does_not_get_queries_refused():
    queue = Queue(LIMITS, max_tokens=100)
    queue.put(make.job([64] * 50), 1.0)
    queue.put(make.job([60]), 1.0)
    with pytest.raises(Overloaded) as refused:
        queue.put(make.job([60]), 1.0)
    assert refused.value.queued_tokens == 60


def test_taken_work_makes_room():
    queue = Queue(LIMITS, max_tokens=100)
    queue.put(make.job([60]), 0.0)
    decision = queue.next(0.0)
    assert isinstance(decision, Take)
    queue.take(decision.cuts, 0.0)
    queue.put(make.job([60]), 0.0)
    assert queue.tokens == 60


def test_deadlines_of_requests_that_have_left_are_not_kept():
    queue = Queue(LIMITS, max_tokens=100)
    for _ in range(1000):
        queue.put(make.job([8], deadline_s=3600.0), 0.0)
        decision = queue.next(0.0)
        assert isinstance(decision, Take)
        queue.take(decision.cuts, 0.0)
    assert len(queue._deadlines) <= 100
