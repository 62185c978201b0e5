"""The API server and the parser refuse the same objects, both with the numbers."""

import pytest

from retrieval_operator.spec import parse
from tests.cluster.api import Api, Refused
from tests.support.spec import MANIFESTS, document, load
from tests.support.spec_cases import FIELD_CASES, RULE_CASES, Case


@pytest.mark.parametrize("case", [*RULE_CASES, *FIELD_CASES], ids=str)
def test_an_object_that_keeps_the_rule_is_accepted(api: Api, case: Case):
    assert api.try_out(case.fine)["metadata"]["name"]


@pytest.mark.parametrize("case", RULE_CASES, ids=str)
def test_an_object_that_breaks_the_rule_is_refused_with_its_numbers(api: Api, case: Case):
    with pytest.raises(Refused) as refusal:
        api.try_out(case.refused)
    assert case.path in refusal.value.paths
    assert [word for word in case.words if word not in refusal.value.message] == []


@pytest.mark.parametrize("case", FIELD_CASES, ids=str)
def test_an_object_with_an_impossible_field_is_refused_at_that_field(api: Api, case: Case):
    with pytest.raises(Refused) as refusal:
        api.try_out(case.refused)
    assert any(path.startswith(case.path) for path in refusal.value.paths)


@pytest.mark.parametrize("path", MANIFESTS, ids=lambda path: path.stem)
def test_a_manifest_of_the_repository_is_accepted(api: Api, path):
    assert parse(load(path)).metadata.name == api.try_out(load(path))["metadata"]["name"]


@pytest.mark.parametrize(
    ("spec", "path"),
    [
        ({"embedder": {"precison": "fp32"}}, "spec.embedder.precison"),
        ({"embedder": {"scoring": "Auto"}}, "spec.embedder.scoring"),
        ({"embedder": {"podTemplate": {"containers": []}}}, "spec.embedder.podTemplate.containers"),
    ],
)
def test_an_unknown_field_is_refused(api: Api, spec, path):
    with pytest.raises(Refused, match=f'unknown field "{path}"'):
        api.try_out(document(spec))
