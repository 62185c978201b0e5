"""Clients of a served embedder while its pods are replaced, added, removed, killed and lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.chart.versions import copied
from tests.cluster.agent.conftest import Start
from tests.cluster.agent.samples import main
from tests.cluster.agent.served import (
    NAME,
    START_LIMIT_S,
    Served,
    engine,
    get,
    infer,
    page,
    process,
)
from tests.cluster.agent.served import served as new_service
from tests.cluster.agent.traffic import ANSWERED, NO_ENDPOINT, TEXT, WRONG, traffic
from tests.cluster.api import DEPLOYMENT, NODE, POD, RETRIEVAL_SERVICE, Document, until
from tests.cluster.lab import Lab
from tests.cluster.terminal import Terminal
from tests.support.documented import commands
from tests.support.metrics import metric

TAKES_STARTS = pytest.mark.timeout(900, func_only=True)
"""For tests in which predictors start, on a machine that may be busy."""
NAMESPACE = "serving-goes-on"
HAS_BF16 = "feature.node.kubernetes.io/cpu-cpuid.AVX512BF16"
"""Node Feature Discovery's label; a CPU without the instructions computes bf16 too, only slower."""
SOON = [
    {"key": f"node.kubernetes.io/{state}", "operator": "Exists", "effect": "NoExecute"}
    | {"tolerationSeconds": 1}
    for state in ("unreachable", "not-ready")
]
"""A pod leaves a lost node after a second instead of five minutes."""


@pytest.fixture(scope="module")
def served(installed: Lab) -> Iterator[Served]:
    """An embedder with one pod."""
    spec = {"embedder": {"podTemplate": {"tolerations": SOON}}}
    with new_service(installed, NAMESPACE, spec) as made:
        yield made


@pytest.fixture
def expected(served: Served) -> np.ndarray:
    """The vector that every client has to get; the service has nothing to recover from."""
    served.wait_ready()
    return infer(served.host(), "embedder", text=[TEXT])[0]


@TAKES_STARTS
def test_no_request_fails_while_one_pod_becomes_three_and_three_become_one(
    served: Served, expected: np.ndarray
):
    with traffic(served.host(), expected) as clients:
        served.change(embedder={"replicas": 3})
        until(
            lambda: list(map(is_up, served.pods())) == [True] * 3,
            "there are three pods",
            limit_s=START_LIMIT_S,
        )
        three = served.pods()
        until(lambda: all(map(has_answered, three)), "each pod has its share", limit_s=60)
        served.change(embedder={"replicas": 1})
        until(lambda: len(served.pods()) == 1, "two pods are on their way out")
        (left,) = served.pods()
        for pod in three:
            if name(pod) != name(left):
                served.wait_gone(pod)
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
    statuses = {outcome.partition(":")[0] for outcome in clients.failures}
    assert statuses <= {"503", "grpc StatusCode.UNAVAILABLE", *NO_ENDPOINT}
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


@TAKES_STARTS
def test_no_request_fails_while_operator_and_predictors_are_upgraded(
    served: Served, expected: np.ndarray, terminal: Terminal, tmp_path: Path
):
    upgrade, _, upgrade_predictors = commands("upgrade.md", "Upgrade")
    newer = copied(tmp_path / "newer", "0.2.0")
    (old,), before = served.pods(), rollouts(served)
    with traffic(served.host(), expected) as clients:
        terminal.run(upgrade.replace("charts/retrieval-operator", str(newer)))
        terminal.run(
            upgrade_predictors.replace("charts/retrieval-operator", str(newer)).replace(
                "0.1.0", "0.2.0"
            )
        )
        served.wait_gone(old)
        served.wait_ready()
    assert clients.failures == {}
    assert rollouts(served) == before + 1  # for the predictors' image, none for the operator
    (new,) = served.pods()
    assert new["spec"]["containers"][0]["image"].endswith("retrieval-predictor:0.2.0")


@TAKES_STARTS
def test_no_request_fails_while_the_precision_changes(
    lab: Lab, served: Served, expected: np.ndarray
):
    (old,) = served.pods()
    assert get(served.host(), "/info")["model"]["precision"] == "fp32"
    lab.kubectl("label", "node", "runs-pods", f"{HAS_BF16}=true")
    with traffic(served.host(), expected) as clients:
        served.change(embedder={"precision": "bf16"})
        served.wait_gone(old)
        served.wait_ready()
    assert clients.failures == {}
    assert get(served.host(), "/info")["model"]["precision"] == "bf16"


def name(pod: Document) -> str:
    """The name of an object."""
    return str(pod["metadata"]["name"])


def is_up(pod: Document) -> bool:
    """Whether the pod's container is ready."""
    return bool(main(pod).get("ready"))


def has_answered(pod: Document) -> bool:
    """Whether a pod has got a part of the requests."""
    metrics = page(f"{pod['status']['podIP']}:8080", "/metrics")
    return metric(metrics, "retrieval_requests_total") > 0


def rollouts(served: Served) -> int:
    """How often the embedder's pods were replaced; the Deployment controller counts."""
    found = served.lab.api.get(DEPLOYMENT, f"{NAME}-embedder-predictor", NAMESPACE)
    return int(found["metadata"]["annotations"]["deployment.kubernetes.io/revision"])
