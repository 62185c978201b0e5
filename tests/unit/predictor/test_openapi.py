"""`/openapi.json` tells of every route, with examples that fit their own schemas."""

from __future__ import annotations

import re
from typing import Any

import jsonschema_rs
import pytest
from starlette.routing import Route

from retrieval_predictor.edge import openapi, reference
from retrieval_predictor.edge.calls import EMBEDDER_ENDPOINTS, RERANKER_ENDPOINTS
from retrieval_predictor.edge.frontend import Frontend, build
from retrieval_predictor.edge.pages import KEYED
from retrieval_predictor.edge.routes import routes
from retrieval_predictor.settings import Component, Settings

ENDPOINTS = {Component.EMBEDDER: EMBEDDER_ENDPOINTS, Component.RERANKER: RERANKER_ENDPOINTS}
NOT_OF_THE_API = {"/docs", "/openapi.json"}


@pytest.fixture(params=list(Component))
def front(request, tmp_path) -> Frontend:
    return build(Settings(component=request.param, runtime_dir=tmp_path))


@pytest.fixture
def document(front: Frontend) -> dict[str, Any]:
    return openapi.document(front, ENDPOINTS[front.settings.component], KEYED)


def operations(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [one for methods in document["paths"].values() for one in methods.values()]


def test_every_route_is_there_and_no_other(front: Frontend, document: dict[str, Any]):
    told = {(p, m.upper()) for p, methods in document["paths"].items() for m in methods}
    served = {
        (route.path, next(iter(route.methods - {"HEAD"})))
        for route in routes(front)
        if isinstance(route, Route) and route.methods and route.path not in NOT_OF_THE_API
    }
    assert told == served


def test_every_example_fits_its_schema(document: dict[str, Any]):
    for operation in operations(document):
        contents = [operation["responses"]["200"]["content"]]
        contents += [operation["requestBody"]["content"]] if "requestBody" in operation else []
        for content in contents:
            for media in content.values():
                if "example" in media:
                    jsonschema_rs.validate(media["schema"], media["example"])


def test_every_computing_route_has_an_example_of_both(document: dict[str, Any]):
    for operation in operations(document):
        if "requestBody" in operation:
            assert operation["requestBody"]["content"]["application/json"]["example"]
            assert operation["responses"]["200"]["content"]["application/json"]["example"]


def test_the_page_shows_every_route_and_fetches_nothing(document: dict[str, Any]):
    page = reference.page(document, "http://localhost:8080")
    for path in document["paths"]:
        assert path in page
    assert "<script" not in page
    assert "src=" not in page


def test_keys_are_told_of_only_where_they_are_asked_for(document: dict[str, Any], tmp_path):
    keyed = build(Settings(runtime_dir=tmp_path, auth={"api_keys_file": tmp_path}))
    paths = openapi.document(keyed, EMBEDDER_ENDPOINTS, KEYED)["paths"]
    assert not [one for one in operations(document) if "security" in one]
    assert "security" in paths["/embed"]["post"]
    assert "security" in paths["/info"]["get"]
    assert "security" not in paths["/health"]["get"]


def test_the_page_begins_with_what_computes_and_ends_with_versions(document: dict[str, Any]):
    page = reference.page(document, "http://localhost:8080")
    headings = re.findall(r"<h2 id='[^']+'><code>(\w+) ([^<]+)</code>", page)
    assert headings[0][0] == "POST"
    methods = [method for method, path in headings if "{version}" not in path]
    assert methods == sorted(methods, key=lambda method: method != "POST")
    assert all("{version}" in path for _, path in headings[-2:])
    assert re.findall(r"href='#([^']+)'", page) == re.findall(r"<h2 id='([^']+)'", page)
    assert "name=viewport" in page


def test_the_page_lists_the_fields_of_every_body_with_their_bounds(document: dict[str, Any]):
    page = reference.page(document, "http://localhost:8080")
    bodies = [one for one in operations(document) if "requestBody" in one]
    assert page.count("<th>field") == len(bodies)
    assert "at most" in page
    assert "required" in page


def test_a_page_that_always_answers_has_no_other_status(document: dict[str, Any]):
    for path in ("/", "/metrics", "/v2/health/live"):
        assert set(document["paths"][path]["get"]["responses"]) == {"200"}
    assert "503" in document["paths"]["/health"]["get"]["responses"]
    assert "401" not in document["paths"]["/health"]["get"]["responses"]
