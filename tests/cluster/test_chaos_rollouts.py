"""Changes reach running pods, or leave them alone, as they should."""

import time

import pytest

from tests.cluster.api import NODE, POD, until
from tests.cluster.nodes import whole
from tests.cluster.operated import service, wait_ready

PATIENCE_S = 2.5
"""Longer than the operator takes for a pass after nodes have settled."""

pytestmark = pytest.mark.usefixtures("operator")


def pods(lab, namespace):
    return {
        one["metadata"]["uid"]
        for one in lab.api.list(POD, namespace)
        if "deletionTimestamp" not in one["metadata"]
    }


def ready(lab, namespace, **embedder):
    lab.api.apply(service("docs", namespace, embedder=embedder))
    return wait_ready(lab, "docs", namespace)


def test_a_rollout_finishes_where_no_gpu_is_spare(lab, namespace, nodes, took):
    nodes(whole())
    ready(lab, namespace)
    before = pods(lab, namespace)
    found = ready(lab, namespace, workers=3)
    took("rolled_out_s")
    assert not before & pods(lab, namespace)
    assert found["status"]["components"]["embedder"]["replicas"] == {
        "desired": 1,
        "updated": 1,
        "ready": 1,
    }


def test_a_suspended_service_has_no_pods_and_starts_again(lab, namespace, nodes, took):
    nodes(whole())
    ready(lab, namespace)
    document = service("docs", namespace)
    document["spec"]["suspend"] = True
    lab.api.apply(document)
    until(lambda: not pods(lab, namespace), "no pod is left")
    took("suspended_s")
    document["spec"]["suspend"] = False
    lab.api.apply(document)
    wait_ready(lab, "docs", namespace)
    took("resumed_s")


def test_a_bigger_gpu_that_joins_restarts_nothing(lab, namespace, nodes):
    nodes(whole("NVIDIA-L4"))
    ready(lab, namespace)
    before = pods(lab, namespace)
    nodes(whole("NVIDIA-H200"), end="-big")
    time.sleep(PATIENCE_S)
    assert pods(lab, namespace) == before


def test_labels_of_a_node_that_no_plan_reads_restart_nothing(lab, namespace, nodes):
    (name,) = nodes(whole("NVIDIA-L4"))
    ready(lab, namespace)
    before = pods(lab, namespace)
    labels = {"team": "search", "nvidia.com/cuda.driver.major": "580"}
    lab.api.patch(NODE, name, {"metadata": {"labels": labels}})
    time.sleep(PATIENCE_S)
    assert pods(lab, namespace) == before


def test_a_node_that_turns_out_to_have_another_gpu_gets_another_plan_when_somebody_asks(
    lab, namespace, nodes, took
):
    (name,) = nodes(whole("NVIDIA-L4"))
    ready(lab, namespace)
    before = pods(lab, namespace)
    labels = dict(whole("NVIDIA-A100-SXM4-80GB").labels)
    lab.api.patch(NODE, name, {"metadata": {"labels": labels}})
    time.sleep(3)  # for minutes it may as well be a device plugin that restarts
    assert pods(lab, namespace) == before
    asked = {"metadata": {"annotations": {"retrieval.io/replan": "the card was changed"}}}
    lab.api.patch("retrieval.io/v1alpha1/RetrievalService", "docs", asked, namespace)
    took("relabelled_s")
    lab.api.wait_for(
        "retrieval.io/v1alpha1/RetrievalService",
        "docs",
        lambda one: one["status"].get("gpu") == "NVIDIA-A100-SXM4-80GB",
        namespace=namespace,
    )
    wait_ready(lab, "docs", namespace)
    took("planned_s")


def test_a_live_limit_changes_without_a_restart(lab, namespace, nodes, took):
    nodes(whole())
    ready(lab, namespace)
    before = pods(lab, namespace)
    ready(lab, namespace, batching={"maxQueueTokens": 65_536})
    took("changed_s")
    (limits,) = (
        one
        for one in lab.api.list("v1/ConfigMap", namespace)
        if "limits" in one["metadata"]["name"]
    )
    assert "65536" in str(limits["data"])
    assert pods(lab, namespace) == before
