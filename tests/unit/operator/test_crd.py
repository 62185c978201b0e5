"""The CustomResourceDefinition is structural, bounded and described."""

import json
from collections.abc import Iterator
from typing import Any

from retrieval_operator.crd import definition
from retrieval_operator.spec.rules import RULES
from retrieval_operator.spec.schema import validation
from retrieval_operator.spec.service import Metadata

ALLOWED = {
    "type", "description", "default", "enum", "minimum", "maximum", "minLength", "maxLength",
    "pattern", "format", "minItems", "maxItems", "maxProperties", "required", "properties", "items",
    "additionalProperties", "anyOf", "x-kubernetes-int-or-string", "x-kubernetes-list-type",
    "x-kubernetes-list-map-keys", "x-kubernetes-validations",
}  # fmt: skip

ANYTHING = "x-kubernetes-preserve-unknown-fields"


def version() -> dict[str, Any]:
    only: dict[str, Any] = definition()["spec"]["versions"][0]
    return only


def nodes(path: str, node: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, node
    for name, child in node.get("properties", {}).items():
        yield from nodes(f"{path}.{name}", child)
    for key in ("items", "additionalProperties"):
        if key in node:
            yield from nodes(f"{path}[]", node[key])


def schema() -> dict[str, dict[str, Any]]:
    root = version()["schema"]["openAPIV3Schema"]
    return dict(nodes("", root))


def test_only_structural_keywords_are_used():
    assert {key for node in schema().values() for key in node} <= ALLOWED


def test_every_field_has_a_description():
    silent = [
        path
        for path, node in schema().items()
        if "description" not in node and not path.endswith("[]") and "metadata" not in path
    ]
    assert silent == []


def test_every_text_list_and_map_has_a_bound():
    spec = {path: node for path, node in schema().items() if path.startswith((".spec", ".status"))}
    loose = [
        path
        for path, node in spec.items()
        if (node.get("type") == "string" and not {"maxLength", "enum"} & set(node))
        or ("items" in node and "maxItems" not in node)
        or ("additionalProperties" in node and "maxProperties" not in node)
    ]
    assert loose == []


def test_no_part_of_the_object_is_without_a_schema():
    assert not [
        path for path, node in schema().items() if len(node) == 1 and "metadata" not in path
    ]
    assert not [path for path, node in schema().items() if ANYTHING in node]


def test_it_fits_into_the_annotation_of_kubectl_apply():
    assert len(json.dumps(definition())) < 240_000


def test_every_rule_reaches_the_api_server():
    written = [
        check["rule"]
        for node in schema().values()
        for check in node.get("x-kubernetes-validations", ())
    ]
    wanted = {
        validation(rule, ".metadata" if rule.on is Metadata else "")["rule"] for rule in RULES
    }
    assert set(written) == wanted | {"self == oldSelf"}


def test_lists_that_two_authors_may_share_have_keys():
    keyed = {
        path: node["x-kubernetes-list-map-keys"]
        for path, node in schema().items()
        if node.get("x-kubernetes-list-type") == "map"
    }
    assert keyed[".spec.embedder.podTemplate.env"] == ["name"]
    assert keyed[".spec.embedder.podTemplate.volumeMounts"] == ["mountPath"]
    assert keyed[".status.conditions"] == ["type"]


def test_get_prints_what_an_operator_looks_for():
    columns = version()["additionalPrinterColumns"]
    shown = [column["name"] for column in columns if not column.get("priority")]
    wide = [column["name"] for column in columns if column.get("priority")]
    assert shown == ["Ready", "Reason", "Embedder", "Reranker", "GPU", "Precision", "Age"]
    assert wide == ["Objective", "Embedder-Tokens/s", "Reranker-Tokens/s", "Message"]


def test_kubectl_knows_it_by_a_short_name():
    names = definition()["spec"]["names"]
    assert (names["shortNames"], names["categories"]) == (["rsvc"], ["retrieval"])
