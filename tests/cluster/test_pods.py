"""What a test does to a pod looks as it would on a node, and ends when the test says so."""

import pytest

from tests.cluster import pods
from tests.cluster.api import DEPLOYMENT, INFERENCE_SERVICE, POD, Document, condition, is_ready
from tests.cluster.inference import inference_service
from tests.cluster.kwok import HELD_NODE
from tests.cluster.lab import Lab
from tests.cluster.nodes import whole

REASONS = {
    "OOMKilled": (pods.oom_killed, "CrashLoopBackOff"),
    "crash": (pods.crashed(3, "no such model"), "CrashLoopBackOff"),
    "no image": (pods.image_missing, "ImagePullBackOff"),
    "no secret": (pods.mount_missing, "CreateContainerConfigError"),
}


def is_scheduled(pod: Document) -> bool:
    return condition(pod, "PodScheduled").get("status") == "True"


def is_down(deployment: Document) -> bool:
    return not deployment["status"].get("readyReplicas")


@pytest.fixture
def pod(lab: Lab, namespace, nodes) -> Document:
    nodes(whole("NVIDIA-L4"))
    lab.api.apply(inference_service("docs", namespace))
    return lab.api.wait_for(POD, "", is_ready, namespace=namespace)


@pytest.mark.parametrize("case", REASONS)
def test_a_fault_stays_and_the_deployment_sees_it(lab: Lab, namespace, pod: Document, case):
    fault, reason = REASONS[case]
    pods.strike(lab.api, pod, fault)
    lab.api.wait_for(DEPLOYMENT, "docs-predictor", is_down, namespace=namespace)
    status = lab.api.get(POD, pod["metadata"]["name"], namespace)["status"]
    assert status["containerStatuses"][0]["state"]["waiting"]["reason"] == reason


def test_a_termination_tells_code_and_message(lab: Lab, pod: Document):
    once = pods.strike(lab.api, pod, pods.crashed(3, "no such model"))
    twice = pods.strike(lab.api, once, pods.oom_killed)
    ends = [one["status"]["containerStatuses"][0] for one in (once, twice)]
    assert ends[0]["lastState"]["terminated"]["message"] == "no such model"
    assert ends[1]["lastState"]["terminated"]["exitCode"] == 137
    assert [end["restartCount"] for end in ends] == [1, 2]


def test_a_released_pod_is_ready_again(lab: Lab, namespace, pod: Document):
    pods.release(lab.api, pods.strike(lab.api, pod, pods.oom_killed))
    lab.api.wait_for(POD, pod["metadata"]["name"], is_ready, namespace=namespace)
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)


@pytest.mark.parametrize("by", ["annotation", "node"])
def test_a_held_pod_starts_when_it_is_released(lab: Lab, namespace, nodes, by):
    nodes(whole("NVIDIA-L4"), end=HELD_NODE if by == "node" else "")
    lab.api.apply(inference_service("docs", namespace, held=by == "annotation"))
    pod = lab.api.wait_for(POD, "", is_scheduled, namespace=namespace)
    assert not is_ready(pod)
    pods.release(lab.api, pod)
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)
