"""A worker is replaced when it shows no sign of life for long enough, and not while it starts."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as some

from retrieval_predictor.supervisor.workers import Watched


def after(*beats_ns: int) -> Watched:
    seen = Watched()
    for beat_ns in beats_ns:
        seen = seen.looked(beat_ns)
    return seen


@given(some.lists(some.integers(0, 3), max_size=20))
def test_a_worker_that_shows_new_signs_never_hangs(pauses: list[int]):
    beats = [number + 1 for number, pause in enumerate(pauses) for _ in range(pause + 1)]
    assert not after(*beats).hangs(patience_looks=4)


def test_a_worker_hangs_once_its_last_sign_is_old():
    assert not after(7, 7, 7).hangs(patience_looks=3)
    assert after(7, 7, 7, 7).hangs(patience_looks=3)


def test_a_worker_that_still_imports_is_given_minutes_and_not_for_ever():
    assert not after(*[0] * 100).hangs(patience_looks=3)
    assert after(*[0] * 300).hangs(patience_looks=3)
