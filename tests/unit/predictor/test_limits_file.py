"""Limits change while the engine serves, and a bad file changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval_predictor.engine.limits import LimitsFile, read_limits
from retrieval_predictor.engine.scheduler.policy import Limits, Take
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.errors import ImpossibleSettings
from retrieval_predictor.settings import Batching
from tests.support import make

PLANNED = Batching(max_batch_tokens=4096, max_batch_size=64, max_queue_tokens=100_000)


def swap(path: Path, content: str) -> None:
    """Replace a file as the kubelet does: readers see the old one or the new one."""
    fresh = path.with_suffix(".new")
    fresh.write_text(content)
    fresh.replace(path)


def test_a_file_changes_what_it_names_and_nothing_else():
    asked = read_limits(b'{"maxQueueTokens": 5000, "maxQueueDelayMilliseconds": 3}', PLANNED, 512)
    assert asked == PLANNED.model_copy(
        update={"max_queue_tokens": 5000, "max_queue_delay_milliseconds": 3}
    )


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"maxBatchTokens": 0}', "maxBatchTokens: Input should be greater"),
        (b'{"maxBatchTokens": "many"}', "maxBatchTokens: Input should be a valid integer"),
        (b'{"precision": "fp16"}', "precision: Extra inputs"),
        (b'{"max_batch_tokens": 100}', "max_batch_tokens: Extra inputs"),
        (b'{"maxBatchTokens": 8192}', "maxBatchTokens 8192 is above 4096"),
        (b'{"maxBatchTokens": 100}', "maxBatchTokens 100 is below maxInputTokens 512"),
    ],
)
def test_a_file_that_cannot_be_used_is_refused_with_its_numbers(content, message):
    with pytest.raises(ImpossibleSettings, match=message):
        read_limits(content, PLANNED, longest_tokens=512)


def test_a_new_file_is_noticed_and_one_that_stays_is_not_read_again(tmp_path: Path):
    path = tmp_path / "limits.json"
    file = LimitsFile(path, PLANNED)
    assert not file.look(512)
    swap(path, '{"maxQueueTokens": 5000}')
    assert [file.look(512), file.look(512)] == [True, False]
    assert file.batching.max_queue_tokens == 5000
    swap(path, "{}")
    assert file.look(512)
    assert file.batching == PLANNED


def test_a_bad_file_leaves_the_limits_and_says_why_until_it_is_repaired(tmp_path: Path):
    path = tmp_path / "limits.json"
    file = LimitsFile(path, PLANNED)
    swap(path, '{"maxQueueTokens": 5000}')
    file.look(512)
    swap(path, '{"maxQueueTokens": -5}')
    assert not file.look(512)
    assert file.batching.max_queue_tokens == 5000
    assert "maxQueueTokens" in str(file.problem)
    swap(path, '{"maxQueueTokens": 6000}')
    assert file.look(512)
    assert file.problem is None


def test_without_a_file_the_planned_limits_are_in_force():
    file = LimitsFile(None, PLANNED)
    assert not file.look(512)
    assert (file.batching, file.problem) == (PLANNED, None)


def test_new_limits_hold_for_the_next_batch_and_the_next_request():
    queue = Queue(Limits(max_batch_tokens=512, max_batch_size=64), max_tokens=10_000)
    for _ in range(20):
        queue.put(make.job([50]), 0.0)
    queue.limit(Limits(max_batch_tokens=100, max_batch_size=64), max_tokens=2000)
    decision = queue.next(0.0)
    assert isinstance(decision, Take)
    assert len(decision.cuts) == 2
    assert queue.load(0.0).max_query_tokens == 2000


def test_a_smaller_budget_that_the_device_asked_for_survives_an_unrelated_change():
    queue = Queue(Limits(max_batch_tokens=512, max_batch_size=64), max_tokens=10_000)
    queue.budget.shrink(400, now_s=0.0)
    queue.limit(Limits(max_batch_tokens=512, max_batch_size=8), max_tokens=10_000)
    assert queue.budget.tokens == 200
    queue.limit(Limits(max_batch_tokens=256, max_batch_size=8), max_tokens=10_000)
    assert queue.budget.tokens == 256
