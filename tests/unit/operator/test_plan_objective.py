"""Whether a service holds the burst it promises, and how many pods would."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.plan import Capacity, capacity_of, judge, texts_of
from retrieval_operator.spec import status
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import Objective
from tests.support.planning import ask, on, planned

RATES = st.floats(0, 1e5)


def objective(requests: int = 500, within: int = 3, quantile: float = 0.9) -> Objective:
    return Objective(requests_per_burst=requests, within_seconds=within, quantile=quantile)


def capacity(texts_per_s: float = 150, queued: float = 1e6) -> Capacity:
    return Capacity(texts_per_s, queued, "estimated")


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


def test_the_warm_up_s_figure_replaces_the_estimate():
    plan = planned(ask(), on("NVIDIA-L4"))
    rate = plan.estimate.tokens_per_s
    measured = status.MeasuredStatus(tokens_per_second=rate * 2)
    guessed = capacity_of(plan.estimate, 100_000, 1)
    known = capacity_of(plan.estimate, 100_000, 1, measured)
    assert known.texts_per_s == pytest.approx(2 * guessed.texts_per_s)
    assert "measured" in known.basis
    assert guessed.basis == "estimated"


def test_an_absurd_measurement_is_not_believed():
    plan = planned(ask(), on("NVIDIA-L4"))
    measured = status.MeasuredStatus(tokens_per_second=plan.estimate.tokens_per_s * 1000)
    assert capacity_of(plan.estimate, 1, 1, measured).texts_per_s == plan.estimate.texts_per_s
