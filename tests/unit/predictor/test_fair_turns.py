"""Clients share a lane: nobody waits behind all of another client's work, nobody starves."""

from __future__ import annotations

from collections import Counter

from hypothesis import given, settings
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits, Take
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.engine.scheduler.turns import PIECE_TOKENS, Turns
from tests.support import make

LIMITS = Limits(max_batch_tokens=256, max_batch_size=64)
FLOODER, GUEST = 1, 2


def queue_of(*jobs: Job) -> Queue:
    queue = Queue(LIMITS, max_tokens=10**9)
    for job in jobs:
        queue.put(job, 0.0)
    return queue


def served(queue: Queue, now_s: float = 0.0) -> list[Job]:
    """The jobs of every batch until nothing waits, in order."""
    order: list[Job] = []
    while isinstance(decision := queue.next(now_s), Take):
        queue.take(decision.cuts, now_s)
        order += [cut.job for cut in decision.cuts]
        now_s += 0.01
    return order


def test_one_clients_five_hundred_queries_let_another_clients_query_pass():
    flood = [make.job([12], client=FLOODER) for _ in range(500)]
    queue = queue_of(*flood)
    order = served(queue_of(*flood, guest := make.job([12], client=GUEST)))
    assert order.index(guest) <= 1
    assert len(queue) == 500


def test_a_client_that_asks_one_query_at_a_time_gets_its_turn_beside_a_flood():
    queue = queue_of(*(make.job([100], client=FLOODER) for _ in range(500)))
    for step in range(50):
        guest = make.job([100], client=GUEST)
        queue.put(guest, 0.0)
        decision = queue.next(float(step))
        assert isinstance(decision, Take)
        queue.take(decision.cuts, float(step))
        assert not guest.waits


def test_a_long_request_of_one_client_takes_turns_with_anothers():
    many = [make.job([200] * 40, client=FLOODER) for _ in range(5)]
    one = make.job([200] * 40, client=GUEST)
    queue, now_s = queue_of(*many, one), 0.0
    while one.waits:
        decision = queue.next(now_s)
        assert isinstance(decision, Take)
        queue.take(decision.cuts, now_s)
    ahead = sum(job.next_row for job in many) * 200
    assert ahead <= 40 * 200 + 2 * PIECE_TOKENS


def test_work_that_was_dropped_costs_its_client_nothing():
    flood = [make.job([1000], client=FLOODER) for _ in range(100)]
    waiting = [make.job([1000], client=GUEST) for _ in range(4)]
    queue = queue_of(*flood, *waiting)
    for job in flood:
        queue.drop(job)
    queue.put(late := make.job([1000], client=FLOODER), 0.0)
    assert served(queue).index(late) <= 1


clients = st.integers(1, 4)
arrivals = st.lists(
    st.tuples(clients, st.lists(st.integers(1, 200), min_size=1, max_size=12)),
    min_size=1,
    max_size=60,
)


@settings(deadline=None)
@given(arrivals)
def test_the_order_within_a_client_is_the_order_of_arrival(asked):
    jobs = [make.job(lengths, client=client) for client, lengths in asked]
    queries = [job for job in jobs if job.run.encoded.tokens <= PIECE_TOKENS]
    order = list(dict.fromkeys(served(queue_of(*queries))))
    for client in range(1, 5):
        assert [j for j in order if j.run.client == client] == [
            j for j in queries if j.run.client == client
        ]


@settings(deadline=None)
@given(arrivals, st.data())
def test_every_text_is_served_once_whatever_is_dropped_meanwhile(asked, data):
    jobs = [make.job(lengths, client=client) for client, lengths in asked]
    queue, gone, now_s = queue_of(*jobs), set(), 0.0
    taken: Counter[int] = Counter()
    while isinstance(decision := queue.next(now_s), Take):
        parts = queue.take(decision.cuts, now_s)
        assert sum(part.encoded.tokens for part in parts) <= LIMITS.max_batch_tokens
        for cut, part in zip(decision.cuts, parts, strict=True):
            assert id(cut.job) not in gone
            assert part.first == taken[id(cut.job)]
            taken[id(cut.job)] += cut.rows
        victim = data.draw(st.sampled_from(jobs))
        if data.draw(st.booleans()) and victim.waits:
            queue.drop(victim)
            gone.add(id(victim))
        now_s += 0.01
    assert queue.tokens == len(queue) == 0
    for job in jobs:
        assert taken[id(job)] == job.size or id(job) in gone


@settings(deadline=None)
@given(
    tokens=st.tuples(st.integers(1, 250), st.integers(1, 250), st.integers(1, 250)),
    rounds=st.integers(5, 60),
)
def test_clients_that_always_have_work_get_equal_shares(tokens, rounds):
    turns = Turns()
    for client, size in enumerate(tokens):
        for _ in range(rounds * 250 // size + 2):
            turns.add(make.job([size], client=client))
    got = [0, 0, 0]
    while min(turns.tokens_of(client) for client in range(3)) and sum(got) < 3 * rounds * 200:
        job = next(iter(turns))
        job.take(1, 0.0)
        turns.taken(job, job.run.encoded.tokens)
        got[job.run.client] += job.run.encoded.tokens
    assert max(got) - min(got) <= 2 * max(tokens)


@settings(deadline=None)
@given(st.lists(st.integers(1, 1000), min_size=1, max_size=40), st.integers(1, 1000))
def test_a_stream_of_new_clients_delays_a_waiting_job_by_a_bounded_amount(newcomers, size):
    turns = Turns()
    ahead, last = make.job([size], client=0), make.job([size], client=0)
    turns.add(ahead)
    turns.add(last)
    steps, fresh = 0, 1
    while last in turns:
        turns.add(make.job([newcomers[steps % len(newcomers)]], client=fresh))
        job = next(iter(turns))
        job.take(1, 0.0)
        turns.taken(job, job.run.encoded.tokens)
        fresh, steps = fresh + 1, steps + 1
        assert steps <= 8 * (size // min(newcomers) + 2) + 8


def test_a_decision_among_ten_thousand_jobs_looks_at_no_more_than_a_batch(monkeypatch):
    queue = queue_of(*(make.job([16], client=number % 100) for number in range(10_000)))
    looked = 0
    fitting = Job.fitting

    def counting(self: Job, tokens: int, rows: int) -> int:
        nonlocal looked
        looked += 1
        return fitting(self, tokens, rows)

    monkeypatch.setattr(Job, "fitting", counting)
    decision = queue.next(0.0)
    assert isinstance(decision, Take)
    assert len(decision.cuts) == 16
    assert looked <= 17


def test_idle_clients_are_forgotten():
    turns = Turns()
    for client in range(10_000):
        turns.add(job := make.job([8], client=client))
        job.take(1, 0.0)
        turns.taken(job, 8)
    assert len(turns._clients) <= 100
