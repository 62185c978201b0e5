"""A request's verb, resource and name are read from its path."""

import pytest

from tests.cluster.calls import Call, call

ISVC = "/apis/serving.kserve.io/v1beta1/namespaces/search/inferenceservices"
CASES = [
    ("GET", "/api/v1/nodes", {}, Call("list", resource="nodes")),
    ("GET", "/api/v1/nodes", {"watch": "true"}, Call("watch", resource="nodes")),
    ("GET", "/api/v1/namespaces", {}, Call("list", resource="namespaces")),
    ("GET", "/api/v1/namespaces/search", {}, Call("get", "", "namespaces", name="search")),
    (
        "PATCH",
        f"{ISVC}/docs",
        {},
        Call("patch", "serving.kserve.io", "inferenceservices", "", "search", "docs"),
    ),
    (
        "PATCH",
        f"{ISVC}/docs/status",
        {},
        Call("patch", "serving.kserve.io", "inferenceservices", "status", "search", "docs"),
    ),
    ("POST", "/api/v1/namespaces/a/events", {}, Call("create", "", "events", namespace="a")),
    (
        "DELETE",
        "/apis/apps/v1/namespaces/a/deployments/b",
        {},
        Call("delete", "apps", "deployments", "", "a", "b"),
    ),
    ("GET", "/readyz", {}, Call("list")),
]


@pytest.mark.parametrize(("method", "path", "query", "expected"), CASES)
def test_a_path_tells_the_call(method, path, query, expected):
    assert call(method, path, query) == expected
