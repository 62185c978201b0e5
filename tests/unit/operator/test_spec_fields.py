"""The rows that the reference page, `retrieval explain` and hints are made of."""

import pytest

from retrieval_operator.errors import UnknownField
from retrieval_operator.spec.env import KNOBS
from retrieval_operator.spec.fields import checks, children, fields, find
from retrieval_operator.spec.reference import page
from retrieval_operator.spec.rules import IMMUTABLE, RULES
from retrieval_operator.spec.service import Metadata


def test_every_field_says_what_it_means_in_a_sentence():
    silent = [row.path for row in fields() if not row.description.endswith(".")]
    assert silent == []


def test_a_path_is_found_with_and_without_its_root():
    assert find("embedder.gpu.memory") == find("spec.embedder.gpu.memory")


def test_a_field_of_the_predictor_names_its_variable():
    row = find("spec.embedder.batching.maxBatchTokens")
    assert row.env == "RETRIEVAL_BATCHING__MAX_BATCH_TOKENS"


def test_every_knob_of_the_predictor_is_a_field():
    names = {row.path for row in fields() if row.env}
    found = {path.split(".", maxsplit=2)[2] for path in names}
    assert found == set(KNOBS)


def test_a_field_lists_the_rules_that_look_at_it():
    told = " ".join(find("spec.reranker.batching.maxBatchTokens").rules)
    assert "maxInputTokens" in told
    assert "maxQueueTokens" in told


def test_every_rule_is_found():
    of_spec = {rule.summary for rule in RULES if rule.on is not Metadata}
    assert set(checks()) == of_spec | {change.says for change in IMMUTABLE}


def test_an_unknown_path_names_the_nearest():
    with pytest.raises(UnknownField) as unknown:
        find("spec.embedder.maxBatchTokens")
    assert unknown.value.nearest == ("spec.embedder.batching.maxBatchTokens",)


def test_children_are_direct():
    assert [row.name for row in children("spec.embedder.rollout")] == ["strategy"]


def test_the_reference_page_has_every_field_of_the_embedder_once():
    table = page().partition("## Rules")[0]
    paths = [row.path for row in fields() if row.path.startswith("spec.embedder")]
    assert [path for path in paths if table.count(f"| `{path}` |") != 1] == []
