"""Rules across fields: what keeps them is read, what breaks them is told the numbers."""

import re
from functools import cache

import pytest

from retrieval_operator.errors import SpecError
from retrieval_operator.spec import parse
from retrieval_operator.spec.rule import Rule
from retrieval_operator.spec.rules import RULES
from tests.support.spec_cases import FIELD_CASES, RULE_CASES, Case

CASES = (*RULE_CASES, *FIELD_CASES)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_object_that_keeps_the_rule_is_read(case: Case):
    assert parse(case.fine).metadata.name


@pytest.mark.parametrize("case", CASES, ids=str)
def test_an_object_that_breaks_one_rule_is_told_so_once(case: Case):
    with pytest.raises(SpecError) as refusal:
        parse(case.refused)
    (problem,) = refusal.value.problems
    assert problem.path == case.path
    assert all(word in str(problem) for word in case.words)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.summary)
def test_every_rule_has_a_case(rule: Rule):
    pattern = re.escape(rule.says).replace("%s", ".+").replace("%d", r"\d+")
    assert any(re.search(pattern, refusal) for refusal in refusals())


@cache
def refusals() -> tuple[str, ...]:
    return tuple(map(refusal_of, RULE_CASES))


def refusal_of(case: Case) -> str:
    with pytest.raises(SpecError) as refusal:
        parse(case.refused)
    return str(refusal.value)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.summary)
def test_a_summary_has_no_hole_left(rule: Rule):
    assert "%" not in rule.summary
    assert rule.says.count("%") == len(rule.facts)
