"""A query goes through a real service: every field, every shape, every fault."""

from __future__ import annotations

import asyncio
import base64
import re
from pathlib import Path

import httpx
import numpy as np
import openai
import pytest
from mcp.client.client import Client

from tests.support.foreign_services import foreign_services
from tests.support.indices import CORPUS
from tests.support.searching import launched, searching


@pytest.fixture(scope="module")
def service(tmp_path_factory, index, services):
    folder = tmp_path_factory.mktemp("service")
    chosen = {"embedder__url": services, "reranker__url": services, "workers": 2}
    with searching(folder, index, **chosen) as running:
        yield running


def ids(response):
    assert response.status_code == 200, response.text
    return [one["id"] for one in response.json()["results"]]


def text(row):
    return CORPUS[row]["text"]


def test_a_passage_is_found_by_its_own_words(service):
    answer = service.search(text(77), top_k=3)
    found = answer.json()
    assert ids(answer)[0] == "p77"
    best = found["results"][0]
    assert best["text"] == text(77)
    assert best["metadata"] == CORPUS[77]["metadata"]
    assert best["scores"]["rerank"] == 1.0
    assert {"dense", "words", "fused", "rerank"} == best["scores"].keys()


def test_an_answer_names_the_version_the_space_and_each_stages_time(service):
    found = service.search(text(5)).json()
    assert found["version"] == 1
    assert found["space"].startswith("embedder/64/")
    assert found["reranked"] is True
    stages = found["stages_ms"]
    names = {"embed", "queue", "dense", "words", "passages", "rerank", "total"}
    assert stages.keys() == names
    assert stages["embed"] > 0
    assert stages["total"] >= stages["embed"] + stages["rerank"]


@pytest.mark.parametrize(
    "more",
    [
        {"rerank": False},
        {"rerank": False, "fusion": {"weights": {"words": 0}}},
        {"rerank": False, "fusion": {"weights": {"dense": 0}}},
        {"rerank": False, "fusion": {"method": "dbsf"}},
        {"rerank": {"required": True}, "candidates": 20},
    ],
)
def test_each_leg_and_each_fusion_finds_it(service, more):
    assert ids(service.search(text(300), **more))[0] == "p300"


def test_a_given_vector_needs_no_text(service, services):
    body = {"model": "m", "input": [f"Passage 9\n{text(9)}"], "encoding_format": "base64"}
    encoded = httpx.post(f"{services}/v1/embeddings", json=body).json()["data"][0]["embedding"]
    vector = np.frombuffer(base64.b64decode(encoded), "<f4").tolist()
    assert ids(service.search(vector=vector, rerank=False))[0] == "p9"


def test_a_filter_that_leaves_one_passage_finds_that_one(service):
    rare = {"type": "eq", "key": "rare", "value": True}
    assert ids(service.search("anything at all", filter=rare)) == ["p123"]
    both = {"type": "and", "filters": [rare, {"type": "eq", "key": "lang", "value": "xx"}]}
    assert ids(service.search("anything at all", filter=both)) == []


def test_a_filter_holds_for_every_result(service):
    german = {"type": "in", "key": "lang", "value": ["de"]}
    found = service.search(text(10), filter=german, top_k=50).json()["results"]
    assert len(found) == 50
    assert {one["metadata"]["lang"] for one in found} == {"de"}


def test_results_below_the_least_score_are_left_out(service):
    assert ids(service.search(text(50), min_score=0.99)) == ["p50"]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "'query' is missing"),
        ({"query": " "}, "'query' is missing"),
        ({"query": 3}, "'query'"),
        ({"query": "a", "top_k": 0}, "'top_k'"),
        ({"query": "a", "top_k": 5000}, "at most 1000"),
        ({"query": "a", "candidates": 1.5}, "'candidates'"),
        ({"query": "a", "topk": 3}, "'topk'"),
        ({"query": "a", "effort": 99999}, "'effort'"),
        ({"query": "a", "min_score": "high"}, "'min_score'"),
        ({"query": "a", "rerank": "yes"}, "'rerank'"),
        ({"query": "a", "rerank": {"required": 1}}, "'required'"),
        ({"query": "a", "fusion": []}, "'fusion'"),
        ({"query": "a", "fusion": {"method": "sum"}}, "'method'"),
        ({"query": "a", "fusion": {"weights": {"dense": -1}}}, "fusion.weights.dense"),
        ({"query": "a", "fusion": {"weights": {"dense": 0, "words": 0}}}, "one above 0"),
        ({"query": "a", "fusion": {"weights": {"sparse": 1}}}, "fusion.weights"),
        ({"vector": []}, "'vector'"),
        ({"vector": ["a"]}, "'vector'"),
        ({"vector": [1.0, 2.0]}, "2 numbers; this index has 64"),
        ({"query": "a", "filter": {"type": "eq", "key": "nope", "value": 1}}, "no passage has"),
        ({"query": "a", "filter": {"type": "eq", "key": "year", "value": "x"}}, "is a number"),
        ({"query": "a", "filter": "lang"}, "'filter'"),
    ],
)
def test_bad_input_is_a_400_that_names_the_field(service, body, words):
    answer = service.search(**body)
    assert answer.status_code == 400, answer.text
    assert words in answer.json()["error"]["message"]


def test_a_deadline_that_is_over_is_a_timeout_and_not_an_answer(service):
    answer = service.search("a", headers={"x-request-timeout": "0.000001"})
    assert answer.status_code in {503, 504}


def test_the_callers_request_id_comes_back(service):
    answer = service.search("a", headers={"x-request-id": "mine-1"})
    assert answer.headers["x-request-id"] == "mine-1"
    assert answer.json()["id"] == "mine-1"


def test_the_openai_client_searches_a_vector_store(service):
    client = openai.OpenAI(base_url=f"{service.url}/v1", api_key="none")
    page = client.vector_stores.search(
        "search",
        query=text(42),
        max_num_results=5,
        filters={"type": "eq", "key": "lang", "value": CORPUS[42]["metadata"]["lang"]},
        ranking_options={"score_threshold": 0.1},
    )
    assert page.data[0].file_id == "p42"
    assert page.data[0].content[0].text == text(42)
    assert page.data[0].attributes == CORPUS[42]["metadata"]
    several = client.vector_stores.search("search", query=[text(1), text(2)])
    assert {one.file_id for one in several.data[:2]} == {"p1", "p2"}
    with pytest.raises(openai.NotFoundError, match="no index 'other' here"):
        client.vector_stores.search("other", query="a")
    with pytest.raises(openai.BadRequestError, match="max_num_results"):
        client.vector_stores.search("search", query="a", max_num_results=51)


def test_dify_retrieves_records(service):
    body = {
        "knowledge_id": "search",
        "query": text(60),
        "retrieval_setting": {"top_k": 2, "score_threshold": 0.0},
        "metadata_condition": {
            "logical_operator": "and",
            "conditions": [
                {"name": ["lang"], "comparison_operator": "is", "value": "de"},
                {"name": ["year"], "comparison_operator": "≥", "value": 1990},
            ],
        },
    }
    records = httpx.post(f"{service.url}/retrieval", json=body).json()["records"]
    assert records[0]["content"] == text(60)
    assert records[0]["metadata"]["lang"] == "de"
    assert len(records) == 2
    unknown = {**body, "knowledge_id": "other"}
    assert httpx.post(f"{service.url}/retrieval", json=unknown).status_code == 404
    body["metadata_condition"]["conditions"][0]["comparison_operator"] = "contains"
    assert "comparison_operator" in httpx.post(f"{service.url}/retrieval", json=body).text


def test_kserve_infers_ids_texts_and_scores(service):
    body = {
        "id": "seven",
        "inputs": [
            {"name": "query", "datatype": "BYTES", "shape": [2], "data": [text(7), text(8)]}
        ],
        "parameters": {"top_k": 2, "filter": '{"type": "ne", "key": "lang", "value": "xx"}'},
    }
    answer = httpx.post(f"{service.url}/v2/models/search/infer", json=body)
    assert answer.status_code == 200, answer.text
    outputs = {one["name"]: one for one in answer.json()["outputs"]}
    assert outputs["ids"]["shape"] == [2, 2]
    assert outputs["ids"]["data"][::2] == ["p7", "p8"]
    assert outputs["scores"]["data"][0] == 1.0
    assert answer.json()["id"] == "seven"
    other = httpx.post(f"{service.url}/v2/models/other/infer", json=body)
    assert other.status_code == 404


def test_the_documented_langchain_retriever_finds_passages(service):
    page = Path(__file__).parents[2].joinpath("docs", "search.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    module: dict = {}
    exec(code, module)
    documents = module["SearchRetriever"](url=service.url, top_k=2).invoke(text(33))
    assert documents[0].id == "p33"
    assert documents[0].page_content == text(33)
    assert documents[0].metadata["lang"] == CORPUS[33]["metadata"]["lang"]


@pytest.mark.looptime(False)
async def test_an_mcp_client_searches_and_fetches(service):
    async with Client(f"{service.url}/mcp") as client:
        tools = await client.list_tools()
        assert {tool.name for tool in tools.tools} == {"search", "fetch"}
        found = await client.call_tool("search", {"query": text(88)})
        best = found.structured_content["results"][0]
        assert best == {"id": "p88", "title": "Passage 88", "url": ""}
        whole = await client.call_tool("fetch", {"id": "p88"})
        assert whole.structured_content["text"] == text(88)
        missing = await client.call_tool("fetch", {"id": "p-1"})
        assert missing.is_error


def test_the_pages_tell_what_is_served(service):
    assert service.get("/v2/health/live").json() == {"live": True}
    assert service.get("/v2/models/search/ready").json()["ready"] is True
    assert service.get("/v2/models/other/ready").status_code == 404
    info = service.get("/info").json()
    assert info["index"]["passages"] == len(CORPUS)
    assert "retrieval_search_stage_seconds_bucket" in service.get("/metrics").text
    assert "/v1/search" in service.get("/docs").text
    assert service.get("/openapi.json").json()["openapi"] == "3.1.0"
    assert service.get("/nothing").status_code == 404
    assert service.get("/v1/search").status_code == 405


def test_without_a_key_nobody_searches(tmp_path, index, services):
    keys = tmp_path / "keys"
    keys.write_text("secret\n")
    chosen = {"embedder__url": services, "auth__api_keys_file": keys}
    with searching(tmp_path / "run", index, **chosen) as service:
        assert service.search("a").status_code == 401
        assert service.get("/info").status_code == 401
        mcp = httpx.post(f"{service.url}/mcp", json={"jsonrpc": "2.0", "id": 1, "method": "ping"})
        assert mcp.status_code == 401
        known = {"authorization": "Bearer secret"}
        assert service.search("a", headers=known).status_code == 200


def test_without_the_reranker_an_answer_is_refused_unless_it_may_go_without(
    tmp_path, index, services
):
    chosen = {"embedder__url": services, "reranker__url": "http://127.0.0.1:9"}
    with searching(tmp_path, index, **chosen) as service:
        refused = service.search(text(3))
        assert refused.status_code == 503
        assert "http://127.0.0.1:9" in refused.json()["error"]["message"]
        allowed = service.search(text(3), rerank={"required": False})
        assert ids(allowed)[0] == "p3"
        assert allowed.json()["reranked"] is False


def test_an_index_of_another_embedder_is_refused_with_both_names(tmp_path, index):
    with (
        foreign_services(salt="other") as other,
        launched(tmp_path, index, embedder__url=other) as service,
    ):
        assert service.process.wait(timeout=60) == 78
        words = service.log.read_text()
    assert "the index was built with embedder/64/" in words
    assert "the embedder is embedder/64/" in words


def test_an_index_that_is_not_there_ends_the_service(tmp_path):
    with launched(tmp_path / "run", tmp_path / "nothing") as service:
        assert service.process.wait(timeout=60) == 78
        assert "nothing was published there" in service.log.read_text()


@pytest.mark.looptime(False)
async def test_queries_that_come_together_are_searched_together(service):
    async with httpx.AsyncClient(timeout=60) as client:
        answers = await asyncio.gather(
            *(
                client.post(f"{service.url}/v1/search", json={"query": text(row), "rerank": False})
                for row in range(64)
            )
        )
    assert [one.json()["results"][0]["id"] for one in answers] == [f"p{row}" for row in range(64)]
