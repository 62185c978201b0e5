"""The burst rule: a share answered in time, and no errors that it could hide."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.outcomes import Ending, gather
from retrieval_bench.search import Rule, judge
from tests.support import load

RULE = Rule(quantile=0.9, within_s=3.0)


@given(good=st.integers(0, 100), slow=st.integers(0, 100))
def test_nine_in_ten_within_three_seconds_pass_and_fewer_do_not(good, slow):
    verdict = judge(load.outcomes([3.0] * good + [3.01] * slow), RULE)
    assert verdict.passed == (good + slow > 0 and good >= 0.9 * (good + slow) - 1e-9)


@pytest.mark.parametrize("ending", [e for e in Ending if e is not Ending.ANSWERED])
def test_one_failure_in_a_hundred_fails_the_load(ending):
    mixed = gather([load.outcome()] * 99 + [load.outcome(ending=ending)])
    verdict = judge(mixed, RULE)
    assert not verdict.passed
    assert verdict.reason == "1 failed"
    assert verdict.in_time == pytest.approx(0.99)


def test_rejections_are_orderly_when_allowed_and_the_accepted_are_judged_alone():
    rejected = [load.outcome(0.001, ending=Ending.REJECTED)] * 50
    rule = Rule(0.9, 3.0, rejections=True)
    assert judge(gather([load.outcome(1.0)] * 10 + rejected), rule).passed
    assert not judge(gather([load.outcome(4.0)] * 10 + rejected), rule).passed


def test_a_server_that_rejects_everything_does_not_pass():
    rule = Rule(0.9, 3.0, rejections=True)
    assert not judge(load.outcomes([0.1] * 5, ending=Ending.REJECTED), rule).passed


def test_a_rule_reads_like_a_sentence():
    assert str(RULE) == "90 % answered within 3 s, no errors"
    assert str(Rule(0.99, 0.2, True)) == "99 % answered within 0.2 s, no errors but 429"
