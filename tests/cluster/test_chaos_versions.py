"""Objects that other versions of our kind let in are told about or served, and stop nobody."""

import copy
import json
import time
from collections.abc import Iterator

import pytest

from retrieval_operator.crd import definition
from tests.cluster.api import POD, RETRIEVAL_SERVICE, condition, until
from tests.cluster.nodes import cpu, node, whole
from tests.cluster.operated import says, service, wait_ready
from tests.cluster.process import answers

DEFINITION = "apiextensions.k8s.io/v1/CustomResourceDefinition"


def version_of(document):
    (version,) = document["spec"]["versions"]
    return version


def schema_of(document):
    return version_of(document)["schema"]["openAPIV3Schema"]["properties"]


@pytest.fixture
def older(lab) -> Iterator:
    """Put another schema of our kind in force for a while."""
    present = json.loads(json.dumps(definition()))

    def install(change):
        document = copy.deepcopy(present)
        change(document)
        lab.api.apply(document)
        time.sleep(1.0)  # the API server takes a new schema into use by and by

    yield install
    install(lambda _: None)


def lenient(document):
    """A schema without rules and types, as if all of them had come later."""
    schema_of(document)["spec"] = {"x-kubernetes-preserve-unknown-fields": True}
    version_of(document)["schema"]["openAPIV3Schema"].pop("x-kubernetes-validations", None)


def bad(name, namespace, spec):
    return {
        "apiVersion": "retrieval.io/v1alpha1",
        "kind": "RetrievalService",
        "metadata": {"name": name, "namespace": namespace},
        "spec": spec,
    }


BAD = {
    "both": {"embedder": {"replicas": 1, "autoscaling": {"minReplicas": 1, "maxReplicas": 2}}},
    "listed": {"embedder": {"gpu": {"resource": ["a"]}}},
    "nothing": {},
}
WORSE = {
    "text": "embedder",
    "list": ["embedder"],
    "halftext": {"embedder": "yes"},
    "mistyped": {"embedder": {"gpu": "yes", "replicas": "two"}},
}
"""The API server takes no write of these, not even of their status: only the log can tell."""


def test_objects_from_before_a_rule_are_not_accepted_and_stop_nobody(
    lab, operator, namespace, nodes, older, took
):
    nodes(whole())
    operator.stop()
    older(lenient)
    for name, spec in {**BAD, **WORSE}.items():
        lab.api.create(bad(name, namespace, spec))
    older(lambda _: None)
    operator.start()
    took("restarted_s")
    for name in BAD:
        found = lab.api.wait_for(
            RETRIEVAL_SERVICE, name, says("Accepted", "False", "InvalidSpec"), namespace=namespace
        )
        assert condition(found, "Accepted")["message"]
    took("told_s")
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    took("another_ready_s")
    lab.api.create(node(f"{namespace}-more", whole(), namespace))
    lab.api.delete("v1/Node", f"{namespace}-more")
    time.sleep(1.0)
    assert answers(f"{operator.url}/healthz")
    assert operator.metric("retrieval_operator_services") >= len(BAD) + 1
    assert operator.metric("retrieval_operator_reconcile_total", result="failed") == 0


def test_objects_and_statuses_of_an_older_schema_go_on_unchanged(
    lab, operator, namespace, nodes, older, took
):
    """The former schema lacked fields of today's, in the spec and in the status."""

    def former(document):
        schema_of(document)["spec"]["properties"].pop("objective")
        status = schema_of(document)["status"]["properties"]
        status.pop("precision")
        for half in status["components"]["properties"].values():
            half["properties"].pop("plan")
        version = version_of(document)
        version["additionalPrinterColumns"] = version["additionalPrinterColumns"][:1]

    nodes(cpu())
    older(former)
    lab.api.apply(service("docs", namespace, embedder={"gpu": None}))
    before = wait_ready(lab, "docs", namespace)
    took("ready_s")
    assert "precision" not in before["status"]
    pods = {one["metadata"]["uid"] for one in lab.api.list(POD, namespace)}
    time.sleep(1.0)
    writes = operator.metric("retrieval_operator_status_writes_total")
    time.sleep(2.0)
    assert operator.metric("retrieval_operator_status_writes_total") <= writes + 1
    older(lambda _: None)
    lab.api.patch(
        RETRIEVAL_SERVICE, "docs", {"metadata": {"annotations": {"touched": "1"}}}, namespace
    )
    until(
        lambda: "precision" in lab.api.get(RETRIEVAL_SERVICE, "docs", namespace)["status"],
        "the status has its new fields",
    )
    took("upgraded_s")
    assert {one["metadata"]["uid"] for one in lab.api.list(POD, namespace)} == pods
