"""What an author is told about an object that cannot be read."""

import datetime as dt
from typing import Any

import pytest

from retrieval_operator.errors import Problem, SpecError
from retrieval_operator.spec import parse
from tests.support.spec import document, embedder


def problems(spec: Any, name: str = "docs") -> dict[str, Problem]:
    with pytest.raises(SpecError) as refusal:
        parse(document(spec, name))
    return {problem.path: problem for problem in refusal.value.problems}


def test_all_problems_are_told_at_once():
    told = problems(
        {
            "profile": "Fast",
            "embedder": {"workers": 0, "maxInputTokens": 512, "batching": {"maxBatchTokens": 64}},
            "reranker": {"precision": "fp16"},
        },
        name="2docs",
    )
    assert set(told) == {
        "metadata.name",
        "spec.profile",
        "spec.embedder.workers",
        "spec.reranker.precision",
    }


def test_a_rule_is_checked_although_another_block_is_broken():
    batching = {"maxBatchTokens": 64, "maxQueueTokens": 32}
    told = problems({"embedder": {"batching": batching}, "a": 1})
    assert set(told) == {"spec.a", "spec.embedder.batching.maxQueueTokens"}


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ({"embedder": {"maxBatchTokens": 64}}, "spec.embedder.batching.maxBatchTokens"),
        ({"reranker": {"maxBatchTokens": 64}}, "spec.reranker.batching.maxBatchTokens"),
        ({"embedder": {"max_input_tokens": 64}}, "spec.embedder.maxInputTokens"),
        ({"embedder": {"precison": "fp32"}}, "spec.embedder.precision"),
        ({"embedder": {"scoring": "Auto"}}, "spec.reranker.scoring"),
        ({"embeder": {}}, "spec.embedder"),
        ({"embedder": {"model": {"url": "hf://a/b"}}}, "spec.embedder.model.uri"),
    ],
)
def test_a_misspelt_or_misplaced_field_is_told_where_it_belongs(written, meant):
    (problem,) = [one for one in problems(written).values() if "no such field" in one.wanted]
    assert f"did you mean {meant}?" in problem.wanted


def test_a_gpu_among_the_resources_is_told_what_may_stand_there():
    told = problems({"embedder": {"resources": {"limits": {"nvidia.com/gpu": 1}}}})
    (problem,) = told.values()
    assert problem.path == "spec.embedder.resources.limits.nvidia.com/gpu"
    assert "cpu, memory, ephemeral-storage" in problem.wanted


def test_a_long_value_is_shown_shortened():
    told = problems({"embedder": {"servedName": "/" * 500}})
    assert len(told["spec.embedder.servedName"].got) == 80


@pytest.mark.parametrize("spec", [None, [], "embedder", 3])
def test_a_spec_that_is_no_block_is_refused(spec):
    written = document() | {"spec": spec}
    with pytest.raises(SpecError):
        parse(written)


@pytest.mark.parametrize("written", [None, [], "embedder"])
def test_a_document_that_is_no_object_is_refused(written):
    with pytest.raises(SpecError, match="kind RetrievalService"):
        parse(written)


def test_another_kind_of_object_is_refused():
    with pytest.raises(SpecError, match="'RetrievalService'"):
        parse(document() | {"kind": "InferenceService"})


def test_a_date_that_yaml_made_of_a_text_is_read_as_that_text():
    revision = dt.date(2026, 1, 31)
    model = embedder(model={"uri": "hf://a/b", "revision": revision}).model
    assert model.revision == "2026-01-31"


def test_the_status_of_a_live_object_is_not_looked_at():
    assert parse(document() | {"status": {"anything": True}}).metadata.name == "docs"


@pytest.mark.parametrize("name", ["apiVersion", "kind", "metadata", "spec"])
def test_an_object_without_its_head_is_refused(name):
    written = {key: value for key, value in document().items() if key != name}
    with pytest.raises(SpecError, match=f"{name}: got nothing"):
        parse(written)
