"""A model that nobody here can read is planned by what its author says of it."""

import pytest

from retrieval_operator.facts import ModelFacts, Unknown, facts_for, known_facts
from tests.support.spec import embedder, reranker

BASE = {
    "modelType": "bert",
    "hiddenSize": 768,
    "layers": 12,
    "intermediateSize": 3072,
    "attentionHeads": 12,
    "vocabularySize": 30522,
    "maxTokens": 512,
}


def shaped(**shape):
    return embedder(model={"uri": "s3://models/mine", "shape": {**BASE, **shape}})


def test_a_copy_of_a_listed_model_has_its_figures_and_its_own_name():
    found = facts_for(embedder(model={"uri": "pvc://models/m3", "like": "BAAI/bge-m3"}))
    listed = known_facts("BAAI/bge-m3")
    assert isinstance(found, ModelFacts)
    assert listed is not None
    assert (found.dims, found.parameters) == (listed.dims, listed.parameters)
    assert found.name == "pvc://models/m3"
    assert found.source == "model.like: BAAI/bge-m3"


def test_a_name_that_is_not_listed_gets_the_nearest_one():
    found = facts_for(embedder(model={"uri": "pvc://models/m3", "like": "BAAI/bge-m33"}))
    assert isinstance(found, Unknown)
    assert "did you mean BAAI/bge-m3?" in found.why
    assert not found.is_passing


def test_sizes_are_enough_to_count_parameters():
    found = facts_for(shaped())
    listed = known_facts("BAAI/bge-base-en-v1.5")
    assert isinstance(found, ModelFacts)
    assert listed is not None
    assert found.parameters == listed.parameters
    assert found.limit_tokens == 512


def test_a_reranker_s_head_is_counted():
    shape = {"uri": "s3://models/mine", "shape": BASE}
    plain, scoring = facts_for(embedder(model=shape)), facts_for(reranker(model=shape))
    assert isinstance(plain, ModelFacts)
    assert isinstance(scoring, ModelFacts)
    assert scoring.parameters == plain.parameters + 769
    assert (plain.dimensions, scoring.dimensions) == (768, 1)


def test_a_type_without_a_formula_needs_its_parameters():
    silent, told = (
        facts_for(shaped(modelType="novel")),
        facts_for(shaped(modelType="novel", parameters=123_000_000)),
    )
    assert isinstance(silent, Unknown)
    assert "model.shape.parameters" in silent.why
    assert isinstance(told, ModelFacts)
    assert told.parameters == 123_000_000
    assert "widest family" in told.source


def test_what_an_author_says_wins_over_the_table():
    found = facts_for(embedder(model={"uri": "hf://BAAI/bge-m3", "shape": BASE}))
    assert isinstance(found, ModelFacts)
    assert found.source == "model.shape"


@pytest.mark.parametrize(
    ("uri", "words"),
    [("s3://bucket/x", "read s3://bucket/x"), ("hf://nobody/x", "no hub is asked")],
)
def test_without_a_word_nothing_is_known(uri, words):
    found = facts_for(embedder(model={"uri": uri}))
    assert isinstance(found, Unknown)
    assert words in found.why


def test_only_a_hub_model_that_nobody_describes_is_asked_for():
    asked = []

    def look(source):
        asked.append(source.uri)
        return Unknown("away", is_passing=True)

    for uri in ("hf://BAAI/bge-m3", "s3://a/b", "builtin://all-MiniLM-L6-v2", "hf://nobody/x"):
        facts_for(embedder(model={"uri": uri}), look=look)
    assert asked == ["hf://nobody/x"]
