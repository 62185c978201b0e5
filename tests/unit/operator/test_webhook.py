"""While KServe's webhook does not answer, one service finds out for all."""

from itertools import count

import pytest

from retrieval_operator.errors import WebhookUnreachable
from retrieval_operator.reconcile.webhook import Breaker
from retrieval_operator.world import CONFIG_MAP, INFERENCE_SERVICE, Ref

ONE = Ref(INFERENCE_SERVICE, "search", "docs-embedder")
OTHER = Ref(INFERENCE_SERVICE, "search", "wiki-embedder")
LIMITS = Ref(CONFIG_MAP, "search", "wiki-embedder-limits")
ELSEWHERE = Ref(INFERENCE_SERVICE, "shop", "wares-embedder")
ERROR = WebhookUnreachable(
    "PATCH docs", 'failed calling webhook "x.kserve-webhook-server": connection refused'
)
POLICY = WebhookUnreachable("PATCH docs", 'failed calling webhook "kyverno": timed out')


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_others_are_not_tried_for_three_seconds_and_told_the_same():
    clock = Clock()
    breaker = Breaker(clock)
    breaker.check(OTHER)
    breaker.failed(ONE, ERROR)
    with pytest.raises(WebhookUnreachable, match=r"wiki-embedder: .*connection refused"):
        breaker.check(OTHER)
    clock.now_s += 3.0
    breaker.check(OTHER)


def test_what_the_webhook_is_not_asked_about_is_written():
    breaker = Breaker(Clock())
    breaker.failed(ONE, ERROR)
    breaker.check(LIMITS)
    breaker.failed(LIMITS, ERROR)


def test_many_services_cost_one_call_each_three_seconds():
    ticks = count()
    breaker = Breaker(lambda: next(ticks) * 0.01)
    calls = 0
    for _ in range(1000):
        try:
            breaker.check(OTHER)
        except WebhookUnreachable:
            continue
        calls += 1
        breaker.failed(OTHER, ERROR)
    assert calls <= 5


def test_a_policy_that_hangs_in_one_namespace_shuts_that_one_alone():
    breaker = Breaker(Clock())
    breaker.failed(ONE, POLICY)
    breaker.check(ELSEWHERE)
    with pytest.raises(WebhookUnreachable, match="kyverno"):
        breaker.check(OTHER)


def test_kserves_webhook_shuts_every_namespace():
    breaker = Breaker(Clock())
    breaker.failed(ONE, ERROR)
    with pytest.raises(WebhookUnreachable, match="kserve"):
        breaker.check(ELSEWHERE)
