"""Whether a service holds the burst it promises, and how many pods would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.plan import (
    Capacity,
    capacity_of,
    judge,
    pods_in_time,
    texts_of,
    verdict_of,
)
from retrieval_operator.spec import status
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import Objective
from tests.support.planning import ask, on, planned
from tests.support.spec import embedder

RATES = st.floats(0, 1e5)


def objective(requests: int = 500, within: int = 3, quantile: float = 0.9) -> Objective:
    return Objective(requests_per_burst=requests, within_seconds=within, quantile=quantile)


def capacity(texts_per_s: float = 150, queued: float = 1e6) -> Capacity:
    return Capacity(texts_per_s, 1e9, queued, "estimated")


def test_a_pod_answers_a_rate_times_the_time_and_a_tenth_may_be_late():
    assert judge(objective(500), capacity(150), 1).is_met
    assert not judge(objective(501), capacity(150), 1).is_met


def test_what_is_not_held_comes_with_the_replicas_that_would():
    verdict = judge(objective(2000), capacity(150), 1)
    assert (verdict.held_requests, verdict.suggested_replicas) == (500, 4)
    assert "4 replicas would" in verdict.message
    assert judge(objective(2000), capacity(150), 4).is_met


def test_a_request_to_a_reranker_is_as_many_texts_as_it_has_documents():
    promised = Objective(requests_per_burst=25, within_seconds=3, documents_per_request=20)
    assert texts_of(promised, ComponentName.EMBEDDER) == 1
    texts = texts_of(promised, ComponentName.RERANKER)
    assert judge(promised, capacity(150), 1, texts).is_met
    assert not judge(objective(26), capacity(150), 1, texts).is_met


def test_a_short_queue_refuses_what_the_device_could_answer():
    assert judge(objective(500), capacity(1000, queued=10), 1).is_met
    assert not judge(objective(5000), capacity(1000, queued=10), 1).is_met


def test_no_number_of_pods_that_answer_nothing_is_suggested():
    verdict = judge(objective(), capacity(0, 0), 3)
    assert verdict.suggested_replicas is None
    assert "no number" in verdict.message


@given(st.integers(1, 10**6), st.integers(1, 600), st.floats(0.5, 0.9999), RATES, RATES)
def test_the_suggested_replicas_hold_it_and_one_fewer_does_not(requests, within, q, rate, queued):
    promised, one = objective(requests, within, q), capacity(rate, queued)
    needed = judge(promised, one, 1).suggested_replicas
    if needed is not None:
        assert judge(promised, one, needed + 1).is_met
        assert needed <= 2 or not judge(promised, one, needed - 2).is_met


@given(RATES, st.integers(1, 50))
def test_more_pods_never_hold_less(rate, replicas):
    fewer, more = (judge(objective(), capacity(rate), n) for n in (replicas, replicas + 1))
    assert fewer.held_requests <= more.held_requests


def test_what_the_pods_measured_beats_the_estimate():
    plan = planned(ask(), on("NVIDIA-L4"))
    measured = status.MeasuredStatus(tokens_per_second=plan.estimate.tokens_per_s * 2)
    guessed, known = capacity_of(plan), capacity_of(plan, measured)
    assert known.device_texts_s == pytest.approx(2 * guessed.device_texts_s)
    assert known.answered_texts_s == guessed.answered_texts_s
    assert "measured" in known.basis
    assert "estimated, 0.5 to 1.5 ×" in guessed.basis


@pytest.mark.parametrize("times", [0.02, 18])
def test_a_measurement_far_from_the_estimate_is_believed(times):
    plan = planned(ask(), on("NVIDIA-L4"))
    measured = status.MeasuredStatus(tokens_per_second=round(plan.estimate.tokens_per_s * times))
    found = capacity_of(plan, measured)
    assert found.device_texts_s == pytest.approx(plan.estimate.device_texts_per_s * times, rel=0.01)


def test_only_pods_that_are_there_when_the_burst_comes_are_counted():
    half = embedder(gpu={}, autoscaling={"minReplicas": 2, "maxReplicas": 50})
    plan = planned(ask(), on("NVIDIA-L4"))
    assert pods_in_time(half) == 2
    verdict = verdict_of(objective(100_000), half, plan)
    assert not verdict.is_met
    assert verdict.held_requests == judge(objective(1), capacity_of(plan), 2).held_requests
    assert "with 50 pods, minutes later" in verdict.message


@given(st.floats(0.01, 1e5), st.integers(1, 600), st.floats(0.5, 0.9999), st.floats(0, 1e6))
def test_the_estimate_and_the_verdict_have_one_answer(rate, within, quantile, queued):
    one = capacity(rate, queued)
    held = judge(objective(1, within, quantile), one, 1).held_requests
    assert held == int(one.held(within, quantile))


def test_the_burst_of_an_estimate_is_the_verdict_on_it():
    plan = planned(ask(), on("NVIDIA-L4"))
    burst = plan.estimate.burst_texts
    assert abs(judge(objective(burst), capacity_of(plan), 1).held_requests - burst) <= 2
