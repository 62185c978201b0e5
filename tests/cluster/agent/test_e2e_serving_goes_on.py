"""Clients of a served embedder while its pods are replaced, added, removed, killed and lost."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from tests.cluster.agent.conftest import Start
from tests.cluster.agent.samples import main
from tests.cluster.agent.served import NAME, START_LIMIT_S, Served, engine, infer, process
from tests.cluster.agent.traffic import ANSWERED, NO_ENDPOINT, TEXT, WRONG, traffic
from tests.cluster.api import INFERENCE_SERVICE, NODE, POD, RETRIEVAL_SERVICE, Document, until
from tests.cluster.api import NAMESPACE as NAMESPACE_KIND
from tests.cluster.lab import Lab

TAKES_STARTS = pytest.mark.timeout(900, func_only=True)
"""For tests in which predictors start, on a machine that may be busy."""
NAMESPACE = "serving-goes-on"
SOON = [
    {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute"}
    | {"tolerationSeconds": 1}
    for state in ("unreachable", "not-ready")
]
"""A pod leaves a lost node after a second instead of five minutes."""


@pytest.fixture(scope="module")
def served(lab: Lab, installed: None) -> Iterator[Served]:  # noqa: ARG001 - it has to run
    """An embedder with one pod."""
    lab.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}})
    spec = {"embedder": {"podTemplate": {"tolerations": SOON}}}
    kind = {"apiVersion": "retrieval.io/v1alpha1", "kind": "RetrievalService"}
    lab.api.create({**kind, "metadata": {"name": NAME, "namespace": NAMESPACE}, "spec": spec})
    made = Served(lab, NAMESPACE)
    made.wait_ready()
    yield made
    lab.api.delete(RETRIEVAL_SERVICE, NAME, NAMESPACE)
    lab.api.wait_gone(INFERENCE_SERVICE, f"{NAME}-embedder", NAMESPACE)
    lab.api.delete(NAMESPACE_KIND, NAMESPACE)


@pytest.fixture
def expected(served: Served) -> np.ndarray:
    """The vector that every client has to get; the service has nothing to recover from."""
    served.wait_ready()
    return infer(served.host(), "embedder", text=[TEXT])[0]


@TAKES_STARTS
def test_no_request_fails_while_a_pod_is_replaced(served: Served, expected: np.ndarray):
    (old,) = served.pods()
    with traffic(served.host(), expected) as clients:
        served.change(embedder={"podTemplate": {"env": [{"name": "TRIAL", "value": "2"}]}})
        served.wait_gone(old)
        served.wait_ready()
    assert clients.failures == {}
    assert clients.seen[ANSWERED] > 100


@TAKES_STARTS
def test_no_request_fails_while_pods_come_and_go(served: Served, expected: np.ndarray):
    (first,) = served.pods()
    with traffic(served.host(), expected) as clients:
        served.change(embedder={"replicas": 2})
        until(lambda: len(served.pods()) == 2, "there is a second pod")
        (second,) = (pod for pod in served.pods() if name(pod) != name(first))
        served.lab.api.wait_for(
            POD, name(second), is_up, namespace=NAMESPACE, limit_s=START_LIMIT_S
        )
        until(lambda: clients.seen[ANSWERED] > 400, "both pods answer for a while", limit_s=60)
        served.change(embedder={"replicas": 1})
        until(lambda: len(served.pods()) == 1, "one pod is on its way out")
        (left,) = served.pods()
        served.wait_gone(second if name(left) == name(first) else first)
    assert clients.failures == {}


@TAKES_STARTS
def test_a_killed_engine_costs_refusals_and_never_a_wrong_answer(
    served: Served, expected: np.ndarray
):
    (pod,) = served.pods()
    with traffic(served.host(), expected) as clients:
        until(lambda: clients.seen[ANSWERED] > 20, "clients have their answers")
        engine(pod).kill()
        until(lambda: clients.seen["503"] > 0, "clients are refused")
        before = clients.seen[ANSWERED]
        until(
            lambda: clients.seen[ANSWERED] > before + 20,
            "clients have their answers again",
            limit_s=START_LIMIT_S,
        )
    assert clients.failures.keys() <= {"503", "grpc StatusCode.UNAVAILABLE", *NO_ENDPOINT}
    (after,) = served.pods()
    assert main(after)["restartCount"] == main(pod)["restartCount"]


@TAKES_STARTS
def test_a_killed_pod_answers_again_and_never_wrongly(served: Served, expected: np.ndarray):
    (pod,) = served.pods()
    restarts = main(pod)["restartCount"]
    with traffic(served.host(), expected) as clients:
        until(lambda: clients.seen[ANSWERED] > 20, "clients have their answers")
        process(pod).kill()
        found = served.lab.api.wait_for(
            POD,
            name(pod),
            lambda one: main(one)["restartCount"] > restarts and is_up(one),
            namespace=NAMESPACE,
            limit_s=START_LIMIT_S,
        )
        before = clients.seen[ANSWERED]
        until(lambda: clients.seen[ANSWERED] > before + 20, "clients have their answers again")
    assert WRONG not in clients.seen
    assert "TimeoutError" not in clients.seen
    assert main(found)["lastState"]["terminated"]["exitCode"] == 137
    served.wait_ready()


@TAKES_STARTS
def test_a_suspended_service_has_no_pod_until_it_is_resumed(served: Served, expected: np.ndarray):
    served.change(suspend=True)
    until(lambda: not served.pods(), "the pod is told to end")
    served.lab.api.wait_for(
        RETRIEVAL_SERVICE,
        NAME,
        lambda one: one["status"]["phase"] == "Suspended",
        namespace=NAMESPACE,
    )
    served.change(suspend=False)
    until(lambda: len(served.pods()) == 1, "there is a pod again")
    served.wait_ready()
    vector = infer(served.host(), "embedder", text=[TEXT])[0]
    assert np.allclose(vector, expected, atol=1e-4)


@TAKES_STARTS
def test_a_pod_leaves_its_node_without_a_failure_and_returns_when_the_next_is_lost(
    lab: Lab, served: Served, expected: np.ndarray, start_node: Start
):
    (old,) = served.pods()
    spare = start_node("spare")
    with traffic(served.host(), expected) as clients:
        lab.kubectl("cordon", "runs-pods")
        served.change(embedder={"podTemplate": {"env": [{"name": "TRIAL", "value": "3"}]}})
        served.wait_gone(old)
        served.wait_ready()
    assert clients.failures == {}
    (moved,) = served.pods()
    assert moved["spec"]["nodeName"] == "spare"

    lab.kubectl("uncordon", "runs-pods")
    spare.kill()
    until(
        lambda: [pod["spec"].get("nodeName") for pod in served.pods()] == ["runs-pods"],
        "the node is given up and another takes the pod",
        limit_s=START_LIMIT_S,
    )
    lab.api.delete(NODE, "spare")
    served.wait_gone(moved)
    served.wait_ready()
    vector = infer(served.host(), "embedder", text=[TEXT])[0]
    assert np.allclose(vector, expected, atol=1e-4)


def name(pod: Document) -> str:
    """The name of an object."""
    return str(pod["metadata"]["name"])


def is_up(pod: Document) -> bool:
    """Whether the pod's container is ready."""
    return bool(main(pod).get("ready"))
