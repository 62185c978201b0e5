"""An applied service becomes ready, stays untouched while nothing changes, and leaves nothing."""

import time

import pytest

from retrieval_operator.world.kinds import FIELD_MANAGER
from tests.cluster.api import DEPLOYMENT, INFERENCE_SERVICE, POD, RETRIEVAL_SERVICE, until
from tests.cluster.nodes import whole
from tests.cluster.operated import CHILDREN, children, service, wait_ready

BOTH: dict[str, dict[str, object]] = {"embedder": {}, "reranker": {}}
PATIENCE_S = 1.5
"""Longer than the operator takes for a pass that something woke."""

pytestmark = pytest.mark.usefixtures("operator")


def written(lab, namespace):
    """What the operator wrote there: its objects, and the service's version with the status."""
    found = lab.api.get(RETRIEVAL_SERVICE, "docs", namespace)
    return children(lab, namespace), found["metadata"]["resourceVersion"]


def settled(lab, namespace):
    """The same, once a whole pause has changed nothing of it."""
    seen = [written(lab, namespace)]

    def stays():
        time.sleep(PATIENCE_S)
        seen.append(written(lab, namespace))
        return seen[-1] == seen[-2]

    until(stays, "nothing is written any more")
    return seen[-1]


def test_a_service_becomes_ready(lab, namespace, nodes, record_property):
    nodes(whole(count=2))
    began_s = time.monotonic()
    lab.api.apply(service("docs", namespace, **BOTH))
    found = wait_ready(lab, "docs", namespace)
    took_s = time.monotonic() - began_s
    record_property("ready_s", took_s)
    print(f"apply to Ready: {took_s:.2f} s")  # noqa: T201 - a figure for whoever runs it with -s
    status = found["status"]
    assert status["phase"] == "Ready"
    assert status["gpu"] == "NVIDIA-L4"
    assert status["components"]["embedder"]["ready"] == "1/1"
    assert status["components"]["embedder"]["effectiveConfig"]["precision"] == "fp16"
    assert status["components"]["reranker"]["plan"]["digest"]


def test_a_second_apply_and_a_later_pass_change_nothing(lab, operator, namespace, nodes):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    before = settled(lab, namespace)
    writes = operator.metric("retrieval_operator_status_writes_total")
    lab.api.apply(service("docs", namespace, **BOTH))
    nudge = {"metadata": {"annotations": {"touched": "1"}}}
    pod = lab.api.list(POD, namespace)[0]["metadata"]["name"]
    lab.api.patch(POD, pod, nudge, namespace)  # wakes a pass
    time.sleep(PATIENCE_S)
    assert written(lab, namespace) == before
    assert operator.metric("retrieval_operator_status_writes_total") == writes


def test_a_restarted_operator_changes_nothing(lab, operator, namespace, nodes):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    before = settled(lab, namespace)
    pods = {pod["metadata"]["uid"] for pod in lab.api.list(POD, namespace)}
    operator.stop()
    operator.start()
    until(lambda: operator.metric("retrieval_operator_reconcile_total", result="done"), "a pass")
    time.sleep(PATIENCE_S)
    assert written(lab, namespace) == before
    assert {pod["metadata"]["uid"] for pod in lab.api.list(POD, namespace)} == pods


def test_a_deleted_service_leaves_nothing(lab, namespace, nodes):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    assert "finalizers" not in lab.api.get(RETRIEVAL_SERVICE, "docs", namespace)["metadata"]
    lab.api.delete(RETRIEVAL_SERVICE, "docs", namespace)
    lab.api.wait_gone(RETRIEVAL_SERVICE, "docs", namespace)
    kinds = (*CHILDREN, DEPLOYMENT)
    ours = "app.kubernetes.io/managed-by=retrieval-operator"
    until(lambda: not any(lab.api.list(kind, namespace, ours) for kind in kinds), "all is gone")


@pytest.mark.parametrize("half", ["embedder", "reranker"])
def test_a_component_that_is_taken_out_goes(lab, namespace, nodes, half):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    lab.api.apply(service("docs", namespace, **{half: {}}))
    other = "reranker" if half == "embedder" else "embedder"
    lab.api.wait_gone(INFERENCE_SERVICE, f"docs-{other}", namespace)
    found = wait_ready(lab, "docs", namespace)
    assert list(found["status"]["components"]) == [half]


def test_our_fields_are_repaired_and_foreign_ones_left(lab, namespace, nodes):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    foreign = {"metadata": {"labels": {"team": "search"}}}
    lab.api.patch(INFERENCE_SERVICE, "docs-embedder", foreign, namespace)
    broken = {"spec": {"predictor": {"minReplicas": 2, "maxReplicas": 2}}}
    began_s = time.monotonic()
    edited = lab.api.patch(INFERENCE_SERVICE, "docs-embedder", broken, namespace)
    found = lab.api.wait_for(
        INFERENCE_SERVICE,
        "docs-embedder",
        lambda one: one["metadata"]["generation"] > edited["metadata"]["generation"],
        namespace=namespace,
    )
    print(f"repaired after {time.monotonic() - began_s:.2f} s")  # noqa: T201 - a figure for whoever runs it with -s
    assert found["spec"]["predictor"]["minReplicas"] == 1
    assert found["metadata"]["labels"]["team"] == "search"
    managers = {entry["manager"] for entry in found["metadata"]["managedFields"]}
    assert FIELD_MANAGER in managers
