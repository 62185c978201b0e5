"""What an engine asks and keeps: the driver once a second, and nothing of a finished request."""

from __future__ import annotations

import gc
import weakref

from retrieval_predictor.engine.observer import EngineObserver
from retrieval_predictor.engine.scheduler.policy import Limits, Take
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.settings import Settings
from tests.support import make

LIMITS = Limits(max_batch_tokens=256, max_batch_size=64)


def test_the_driver_is_asked_for_memory_by_the_beat_and_not_by_a_batch():
    asked: list[int] = []

    def memory() -> None:
        asked.append(1)

    observer = EngineObserver(Queue(LIMITS, 1000), Settings(), memory)
    for _ in range(100):
        observer.batch_done(make.batch(make.encoded([3])), 0.01)
    assert not asked
    observer.refresh_memory()
    assert len(asked) == 1


def test_a_request_with_a_distant_deadline_is_forgotten_once_it_is_answered():
    queue = Queue(LIMITS, 10**6)
    kept = []
    for _ in range(60):
        job = make.job([8], deadline_s=3600.0)
        kept.append(weakref.ref(job.run.encoded.ids))
        queue.put(job, 0.0)
        decision = queue.next(0.0)
        assert isinstance(decision, Take)
        queue.take(decision.cuts, 0.0)
        queue.drop(job)
        del job, decision
    gc.collect()
    assert not any(one() is not None for one in kept)


def test_deadlines_of_answered_requests_are_swept():
    queue = Queue(LIMITS, 10**6)
    for _ in range(1000):
        job = make.job([8], deadline_s=3600.0)
        queue.put(job, 0.0)
        queue.drop(job)
    assert len(queue._deadlines) <= 65
