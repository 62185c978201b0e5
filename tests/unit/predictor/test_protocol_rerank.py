"""The rerank routes take four shapes of one question and answer each in its own."""

import json
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from retrieval_predictor.edge.protocol import rerank
from retrieval_predictor.edge.protocol.rerank import RerankCall, Shape, ranked
from retrieval_predictor.errors import Malformed, TooManyTexts
from retrieval_predictor.wire.work import RerankRequest, Scores, Truncation
from tests.support.wire import json_bytes, scores

MAX_TEXTS = 4


def parse(**fields: Any) -> RerankCall:
    return rerank.parse(json_bytes({"query": "q", **fields}), MAX_TEXTS)


def answer(call: RerankCall, truncated: Sequence[bool] | None = None) -> Any:
    body = b"".join(
        rerank.render(call, scores(truncated=truncated), model="reranker", answer_id="r-1")
    )
    return json.loads(body)


SHAPES: dict[str, tuple[dict[str, Any], Shape]] = {
    "Cohere and Jina, strings": ({"documents": ["a", "b"]}, Shape.COHERE),
    "Cohere and Jina, objects": (
        {"documents": [{"text": "a", "title": "t"}, {"text": "b"}]},
        Shape.COHERE,
    ),
    "Cohere and Jina, mixed": ({"documents": ["a", {"text": "b"}]}, Shape.COHERE),
    "Jina, an object as query": ({"query": {"text": "q"}, "documents": ["a", "b"]}, Shape.COHERE),
    "TEI": ({"texts": ["a", "b"]}, Shape.TEI),
    "NIM": ({"query": {"text": "q"}, "passages": [{"text": "a"}, {"text": "b"}]}, Shape.NIM),
    "a field that is null": ({"documents": None, "texts": ["a", "b"]}, Shape.TEI),
}


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_of_the_question_is_read(name):
    fields, shape = SHAPES[name]
    call = parse(**fields)
    assert (call.shape, call.request.query, call.request.documents) == (shape, "q", ("a", "b"))


def test_a_whole_body_becomes_a_call():
    call = parse(
        documents=["a", "b"],
        model="reranker",
        top_n=1,
        return_documents=True,
        raw_scores=True,
        instruction="find code",
        max_tokens_per_doc=128,
        truncate="start",
        max_chunks_per_doc=10,
        rank_fields=["text"],
        user="u",
    )
    request = RerankRequest(
        query="q",
        documents=("a", "b"),
        instruction="find code",
        max_tokens_per_document=128,
        truncation=Truncation.LEFT,
        raw_scores=True,
    )
    echoes = (b'{"text":"a"}', b'{"text":"b"}')
    assert call == RerankCall(request, Shape.COHERE, "reranker", top_n=1, echoes=echoes)


def test_nims_logits_are_raw_scores():
    assert parse(passages=[{"text": "a"}]).request.raw_scores
    assert not parse(documents=["a"]).request.raw_scores


def test_an_empty_string_is_a_document_and_a_query():
    assert parse(query="", documents=[""]).request == RerankRequest("", ("",))


@pytest.mark.parametrize("fields", [{"top_n": 2}, {"top_k": 2}, {"top_n": 2, "top_k": 3}])
def test_top_n_is_also_called_top_k(fields):
    assert parse(documents=["a"], **fields).top_n == 2


REFUSED = [
    ({}, "field 'documents' is missing"),
    ({"documents": ["a"], "texts": ["a"]}, "fields 'documents' and 'texts' mean the same"),
    ({"documents": []}, "field 'documents' is an empty list"),
    ({"documents": "a"}, "field 'documents': wanted a list .*, got a string"),
    ({"documents": ["a", 5]}, "got a list whose item 1 is a whole number"),
    ({"documents": [{"title": "t"}]}, "got a list whose item 0 is an object without one"),
    ({"documents": [{"text": 5}]}, "got a list whose item 0 is an object without one"),
    ({"documents": ["a"], "query": None}, "field 'query' is missing"),
    ({"documents": ["a"], "query": ["q"]}, "field 'query': wanted a string .*, got a list"),
    ({"documents": ["a"], "query": {}}, "field 'query': wanted .*, got an object"),
    ({"documents": ["a"], "top_n": 0}, "field 'top_n': .* got 0"),
    ({"documents": ["a"], "top_n": 1, "top_k": -1}, "field 'top_k': .* got -1"),
    ({"passages": ["a"], "raw_scores": 1}, "field 'raw_scores': wanted true or false"),
    ({"documents": ["a"], "top_k": "2"}, "field 'top_k': wanted a whole number, got a string"),
    ({"documents": ["a"], "return_documents": 1}, "field 'return_documents': wanted true or false"),
    ({"documents": ["a"], "return_text": "no"}, "field 'return_text': wanted true or false"),
    ({"documents": ["a"], "raw_scores": 1}, "field 'raw_scores': wanted true or false"),
    ({"documents": ["a"], "instruction": 1}, "field 'instruction': wanted a string"),
    ({"documents": ["a"], "max_tokens_per_doc": -1}, "field 'max_tokens_per_doc'"),
    ({"documents": ["a"], "rank_fields": ["title"]}, "field 'rank_fields' is not supported"),
]


@pytest.mark.parametrize(("fields", "told"), REFUSED)
def test_a_question_that_is_not_understood_is_refused(fields, told):
    with pytest.raises(Malformed, match=told):
        parse(**fields)


@pytest.mark.parametrize("name", ["documents", "texts", "passages"])
def test_one_document_more_than_the_limit_is_refused_with_both_numbers(name):
    with pytest.raises(TooManyTexts) as caught:
        parse(**{name: ["a"] * 5})
    assert caught.value.facts() == {"count": 5, "limit": 4}


def test_coheres_answer_has_these_bytes():
    call = parse(documents=["a", "b"])
    body = b"".join(rerank.render(call, scores([0.25, 0.5]), model="reranker", answer_id="r-1"))
    assert body == (
        b'{"id":"r-1","model":"reranker","results":['
        b'{"index":1,"relevance_score":0.5},{"index":0,"relevance_score":0.25}],'
        b'"usage":{"prompt_tokens":20,"total_tokens":20,"truncated_inputs":0},'
        b'"meta":{"tokens":{"input_tokens":20,"output_tokens":0},"warnings":[]}}'
    )


def test_teis_answer_has_these_bytes():
    call = parse(texts=["a", "b"])
    body = b"".join(rerank.render(call, scores([0.25, 0.5]), model="reranker", answer_id="r-1"))
    assert body == b'[{"index":1,"score":0.5},{"index":0,"score":0.25}]'


def test_nims_answer_has_these_bytes():
    call = parse(passages=["a", "b"])
    body = b"".join(rerank.render(call, scores([-2.5, 0.5]), model="reranker", answer_id="r-1"))
    assert body == (
        b'{"rankings":[{"index":1,"logit":0.5},{"index":0,"logit":-2.5}],'
        b'"usage":{"prompt_tokens":20,"total_tokens":20,"truncated_inputs":0}}'
    )


def test_equal_scores_keep_the_order_of_the_documents():
    ranking = rerank.ranked(scores([0.5, 0.75, 0.5, 0.75, 0.5]))
    assert [index for index, _ in ranking] == [1, 3, 0, 2, 4]


@pytest.mark.parametrize(("top_n", "indices"), [(1, [1]), (2, [1, 2]), (9, [1, 2, 0])])
def test_only_the_best_top_n_are_answered(top_n, indices):
    call = parse(documents=["a", "b", "c"], top_n=top_n)
    assert [result["index"] for result in answer(call)["results"]] == indices


def test_documents_come_back_as_objects_with_every_field_they_had():
    call = parse(documents=["a", {"text": "b", "id": 7}, "c"], return_documents=True)
    documents = [result["document"] for result in answer(call)["results"]]
    assert documents == [{"text": "b", "id": 7}, {"text": "c"}, {"text": "a"}]


def test_a_document_too_deep_to_be_returned_is_refused_only_when_it_is_wanted_back():
    deep: Any = "leaf"
    for _ in range(300):
        deep = {"in": deep}
    body = b'{"query":"q","return_documents":%b,"documents":[{"text":"a","x":%b}]}'
    nested = json.dumps(deep).encode()
    assert rerank.parse(body % (b"false", nested), 100).request.documents == ("a",)
    with pytest.raises(Malformed, match="got deeper nesting"):
        rerank.parse(body % (b"true", nested), 100)


def test_tei_gets_its_texts_back_as_strings():
    call = parse(texts=["a", "b", "c"], return_text=True)
    assert [result["text"] for result in answer(call)] == ["b", "c", "a"]


def test_cut_documents_are_counted_and_warned_about():
    told = answer(parse(documents=["a", "b", "c"]), truncated=[True, False, True])
    assert told["usage"]["truncated_inputs"] == 2
    assert told["meta"]["warnings"] == ["2 of the pairs were cut to the token limit"]


def test_documents_whose_scores_are_all_one_are_ranked_by_what_the_model_said():
    logits = np.array([18.0, 20.0, 33.0, 19.0], dtype=np.float32)
    answer = Scores(
        scores=np.ones(4, dtype=np.float32),
        token_counts=np.ones(4, dtype=np.int32),
        truncated=np.zeros(4, dtype=np.bool_),
        logits=logits,
    )
    assert [index for index, _ in ranked(answer)] == [2, 1, 3, 0]
    assert ranked(answer, top_n=1) == [(2, 1.0)]
