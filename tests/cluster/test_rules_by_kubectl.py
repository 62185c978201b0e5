"""What kubectl prints to whoever breaks a rule: the field, the numbers and the remedy, whole."""

import json
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

import pytest

from retrieval_operator.errors import SpecError
from retrieval_operator.spec import parse
from retrieval_operator.spec.rule import Rule
from retrieval_operator.spec.rules import RULES
from tests.cluster.api import Document
from tests.cluster.lab import Lab
from tests.support.spec_cases import RULE_CASES, Case

pytestmark = pytest.mark.usefixtures("api")


def named(case: Case, document: Document) -> Document:
    """The object under a name of its own; one whose name is the point keeps it."""
    metadata = document["metadata"]
    name = metadata["name"] if metadata["name"] != "docs" else f"case-{RULE_CASES.index(case)}"
    return {**document, "metadata": metadata | {"name": name}}


def create(plane: Lab, documents: Iterable[Document], file: Path) -> str:
    file.write_text("\n---\n".join(map(json.dumps, documents)))
    return plane.kubectl("create", "--dry-run=server", f"--filename={file}")


@pytest.fixture(scope="module")
def printed(plane: Lab, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, str]:
    """What kubectl prints of each refused object, in one line, by the object's name."""
    refused = [named(case, case.refused) for case in RULE_CASES]
    with pytest.raises(RuntimeError) as failure:
        create(plane, refused, tmp_path_factory.mktemp("refused") / "all.json")
    told = " ".join(str(failure.value).split()).split('RetrievalService.retrieval.io "')
    return {text.partition('"')[0]: text for text in told[1:]}


def test_objects_that_keep_the_rules_are_created(plane: Lab, tmp_path: Path):
    fine = [named(case, case.fine) for case in RULE_CASES]
    assert create(plane, fine, tmp_path / "all.json").count("created") == len(RULE_CASES)


@pytest.mark.parametrize("case", RULE_CASES, ids=str)
def test_who_breaks_a_rule_reads_the_field_and_what_the_parser_would_say(printed, case: Case):
    with pytest.raises(SpecError) as refusal:
        parse(case.refused)
    (problem,) = refusal.value.problems
    text = printed[named(case, case.refused)["metadata"]["name"]]
    assert f"is invalid: {problem.path}: " in text
    assert problem.wanted in text


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.summary)
def test_no_rule_is_without_a_row(printed, rule: Rule):
    pattern = re.escape(rule.says).replace("%s", ".+").replace("%d", r"\d+")
    assert any(re.search(pattern, text) for text in printed.values())
