"""The default reranker ranks by meaning, in every dialect alike."""

from __future__ import annotations

import pytest

from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

QUERY = "how do I bake bread"
DOCUMENTS = [
    "The stock market fell on Monday.",
    "Mix flour, water, salt and yeast, let the dough rise, then bake it.",
    "",
    "Bread machines are sold on the second floor.",
]


def test_the_relevant_document_comes_first_and_the_empty_one_last(reranker: Predictor):
    body = {"query": QUERY, "documents": DOCUMENTS}
    answer = reranker.post("/v1/rerank", json=body)
    assert answer.status_code == 200, answer.text
    order = [result["index"] for result in answer.json()["results"]]
    assert order == [1, 3, 0, 2]


def test_every_dialect_gives_the_same_scores(reranker: Predictor):
    cohere = reranker.post("/v2/rerank", json={"query": QUERY, "documents": DOCUMENTS}).json()
    by_index = {one["index"]: one["relevance_score"] for one in cohere["results"]}
    tei = reranker.post("/rerank", json={"query": QUERY, "texts": DOCUMENTS}).json()
    tensors = [
        {"name": "query", "datatype": "BYTES", "shape": [1], "data": [QUERY]},
        {"name": "documents", "datatype": "BYTES", "shape": [4], "data": DOCUMENTS},
    ]
    oip = reranker.post("/v2/models/reranker/infer", json={"inputs": tensors}).json()

    assert {one["index"]: one["score"] for one in tei} == pytest.approx(by_index)
    assert oip["outputs"][0]["data"] == pytest.approx([by_index[index] for index in range(4)])


def test_top_n_and_returned_documents(reranker: Predictor):
    body = {"query": QUERY, "documents": DOCUMENTS, "top_n": 1, "return_documents": True}
    (result,) = reranker.post("/v1/rerank", json=body).json()["results"]
    assert result["document"]["text"] == DOCUMENTS[1]


def test_a_request_larger_than_a_batch_ranks_like_a_small_one(reranker: Predictor):
    filler = [f"note {number} on nothing in particular " * 20 for number in range(200)]
    body = {"query": QUERY, "documents": [*filler, DOCUMENTS[1]], "top_n": 1}
    (result,) = reranker.post("/v1/rerank", json=body).json()["results"]
    alone = reranker.post("/v1/rerank", json={"query": QUERY, "documents": [DOCUMENTS[1]]})
    assert result["index"] == 200
    assert result["relevance_score"] == pytest.approx(
        alone.json()["results"][0]["relevance_score"], abs=1e-5
    )
