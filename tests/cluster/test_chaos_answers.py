"""The API server refuses, drops and forbids for a while: what was asked for happens anyway."""

import pytest

from tests.cluster.api import RETRIEVAL_SERVICE, condition
from tests.cluster.faults import drop, refusal
from tests.cluster.nodes import whole
from tests.cluster.operated import says, service, wait_ready

CALLS = (
    {"verb": "patch", "resource": "inferenceservices"},
    {"verb": "patch", "resource": "configmaps"},
    {"verb": "patch", "resource": "retrievalservices"},
    {"verb": "get", "resource": "inferenceservices"},
    {"verb": "get", "resource": "retrievalservices"},
    {"verb": "create", "resource": "events"},
    {"verb": "update", "resource": "leases"},
)


@pytest.mark.parametrize("status", [409, 429, 500])
def test_a_service_becomes_ready_though_calls_fail(lab, faults, namespace, nodes, took, status):
    nodes(whole())
    for words in CALLS:
        faults.answer(refusal(status), **words)
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace, limit_s=45)
    took("ready_s")


def test_a_service_becomes_ready_though_connections_break(lab, faults, namespace, nodes, took):
    nodes(whole())
    for words in CALLS:
        faults.answer(drop, **words)
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace, limit_s=45)
    took("ready_s")


def test_a_pruning_that_fails_is_repeated(lab, faults, namespace, nodes, took):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, embedder={}, reranker={}))
    wait_ready(lab, "docs", namespace)
    faults.answer(refusal(500), times=2, verb="delete")
    lab.api.apply(service("docs", namespace, embedder={}))
    took("asked_s")
    lab.api.wait_gone("serving.kserve.io/v1beta1/InferenceService", "docs-reranker", namespace)
    took("pruned_s")


def test_a_server_that_asks_to_wait_is_not_asked_again_before(lab, faults, namespace, nodes, took):
    nodes(whole())
    words = {"verb": "patch", "resource": "inferenceservices", "name": "patient-embedder"}
    faults.answer(refusal(429, retry_after_s=4), times=1, **words)
    lab.api.apply(service("patient", namespace))
    wait_ready(lab, "patient", namespace, limit_s=45)
    assert took("ready_s") >= 4.0
    assert faults.count(**words) <= 3


def test_without_the_right_to_see_nodes_the_object_names_the_memory(
    lab, operator, faults, namespace, nodes, took
):
    nodes(whole())
    operator.stop()
    faults.answer(refusal(403), times=1000, resource="nodes")
    operator.start()
    took("restarted_s")
    lab.api.apply(service("told", namespace, embedder={"gpu": {"memory": "24Gi"}}))
    lab.api.apply(service("untold", namespace))
    wait_ready(lab, "told", namespace)
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "untold", says("PlanValid", "False"), namespace=namespace
    )
    took("planned_s")
    assert "gpu.memory" in condition(found, "PlanValid")["message"]
    faults.heal()
    operator.stop()
    operator.start()
    lab.api.wait_for(RETRIEVAL_SERVICE, "untold", says("PlanValid", "True"), namespace=namespace)
    took("seen_again_s")
