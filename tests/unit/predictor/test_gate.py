"""An API worker refuses what the engine would refuse, and only that."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.errors import Overloaded
from retrieval_predictor.wire.admission import Estimate, Gate, Load, fits
from tests.support import make

FULL = Load(990, 0, 1000, 1000, 100.0)


class Clock:
    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(clock: Clock) -> Gate:
    gate = Gate(clock)
    gate.told(FULL)
    return gate


def test_a_client_that_was_refused_is_refused_again_without_asking_the_engine(gate: Gate):
    gate.check(20, client=1)
    gate.refused(20, client=1)
    with pytest.raises(Overloaded) as refused:
        gate.check(510, client=1)
    assert refused.value.facts() == {
        "tokens": 510,
        "queued_tokens": 990,
        "limit_tokens": 1000,
        "retry_after_s": 5.0,
    }


def test_the_engine_is_asked_again_after_a_moment(gate: Gate, clock: Clock):
    gate.refused(20, client=1)
    clock.now_s = 0.2
    gate.check(20, client=1)


def test_other_clients_and_the_other_lane_are_let_through(gate: Gate):
    gate.refused(20, client=1)
    gate.check(20, client=2)
    gate.check(2000, client=1)


def test_a_refused_client_passes_as_soon_as_there_is_room(gate: Gate):
    gate.refused(20, client=1)
    gate.told(Load(900, 0, 1000, 1000, 100.0))
    gate.check(20, client=1)


def test_what_this_worker_sent_since_counts(gate: Gate):
    gate.told(Load(900, 0, 1000, 1000, 100.0))
    gate.refused(20, client=1)
    gate.sent(95)
    with pytest.raises(Overloaded):
        gate.check(20, client=1)
    gate.told(Load(900, 0, 1000, 1000, 100.0))
    gate.check(20, client=1)


def test_a_lane_that_holds_twice_its_bound_refuses_everyone(gate: Gate):
    gate.told(Load(1990, 0, 1000, 1000, 100.0))
    with pytest.raises(Overloaded):
        gate.check(20, client=7)


def test_a_request_of_any_size_passes_when_nothing_waits(gate: Gate):
    gate.told(Load(0, 0, 1000, 1000, 0.0))
    gate.check(900, client=1)
    gate.check(10**7, client=1)


tokens = st.integers(1, 3000)


@given(st.lists(st.tuples(st.integers(1, 3), tokens), max_size=30), st.integers(1, 4), tokens)
def test_a_worker_never_refuses_what_the_engine_would_take(waiting, client, asked):
    queue = Queue(Limits(64, 8), max_tokens=2000)
    for number, size in waiting:
        try:
            queue.put(make.job([size], client=number), 0.0)
        except Overloaded:
            continue
    gate = Gate(lambda: 0.0)
    gate.told(queue.load(0.0))
    try:
        queue.put(make.job([asked], client=client), 0.0)
    except Overloaded:
        return
    gate.check(asked, client)


@given(asked=tokens, held=tokens, others=tokens, clients=st.integers(2, 10))
def test_who_has_less_than_a_share_of_a_full_lane_is_taken(asked, held, others, clients):
    limit, waiting = 1000, held + others
    taken = fits(asked, held, waiting, clients, limit)
    if waiting + asked <= limit:
        assert taken
    elif held + asked > limit // clients or waiting + asked > 2 * limit:
        assert not taken
    else:
        assert taken


def test_an_estimate_never_exceeds_what_the_model_takes():
    estimate = Estimate()
    assert estimate.tokens((10**6, 40), limit_tokens=512) == 512 + 11


def test_an_estimate_learns_from_what_texts_had():
    estimate = Estimate()
    for _ in range(200):
        estimate.learn(characters=100, tokens=70)
    assert 69 <= estimate.tokens((100,), limit_tokens=512) <= 71
