"""What stands in the way of a pod is told with the container, the reason and the next step."""

import datetime as dt
import time

import pytest

from tests.cluster.api import NODE, POD, RETRIEVAL_SERVICE, condition, is_ready, until
from tests.cluster.kwok import HELD_NODE
from tests.cluster.nodes import node, whole
from tests.cluster.operated import says, service, wait_ready
from tests.cluster.pods import (
    crashed,
    evicted,
    image_missing,
    mount_missing,
    node_lost,
    oom_killed,
    release,
    strike,
)

pytestmark = pytest.mark.usefixtures("operator")


def the_pod(lab, namespace):
    return next(
        pod for pod in lab.api.list(POD, namespace) if "deletionTimestamp" not in pod["metadata"]
    )


def test_too_few_gpus_are_told_in_the_schedulers_words(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace, embedder={"replicas": 2}))
    began_s = time.monotonic()
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("Ready", "False", "Unschedulable"), namespace=namespace
    )
    print(f"told after {time.monotonic() - began_s:.2f} s")  # noqa: T201 - a figure for whoever runs it with -s
    message = condition(found, "Ready")["message"]
    assert "Insufficient nvidia.com/gpu" in message
    assert "spec.embedder.replicas" in message
    lab.api.create(node(f"{namespace}-more", whole(), namespace))
    wait_ready(lab, "docs", namespace)
    lab.api.delete(NODE, f"{namespace}-more")


FAULTS = {
    "memory": (oom_killed, "OutOfMemory", "resources.limits.memory"),
    "configuration": (crashed(78, "RETRIEVAL_PRECISION: fp64"), "ConfigurationInvalid", "fp64"),
    "device": (crashed(69, "CUDA error"), "DeviceLost", "nvidia-smi"),
    "crash": (crashed(1, "Traceback: boom"), "CrashLooping", "boom"),
    "image": (image_missing, "ImagePullFailed", "RETRIEVAL_OPERATOR_PREDICTOR_IMAGE"),
    "secret": (mount_missing, "ContainerNotCreated", 'secret "missing" not found'),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_pod_that_fails_degrades_the_service_until_it_is_well(lab, namespace, nodes, fault):
    befall, reason, words = FAULTS[fault]
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    pod = strike(lab.api, the_pod(lab, namespace), befall)
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("Degraded", "True", reason), namespace=namespace
    )
    message = condition(found, "Degraded")["message"]
    assert words in message
    assert "kserve-container" in message
    assert pod["metadata"]["name"] in message
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("Ready", "False", reason), namespace=namespace
    )
    assert (
        found["status"]["components"]["embedder"]["lastFailure"]["pod"] == pod["metadata"]["name"]
    )
    release(lab.api, pod)
    found = wait_ready(lab, "docs", namespace)
    assert "lastFailure" not in found["status"]["components"]["embedder"]
    assert condition(found, "Degraded")["status"] == "False"


def test_a_trouble_is_told_as_one_event(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    strike(lab.api, the_pod(lab, namespace), oom_killed)
    until(
        lambda: any(one["reason"] == "OutOfMemory" for one in lab.api.list("v1/Event", namespace)),
        "the event",
    )
    strike(lab.api, the_pod(lab, namespace), oom_killed)
    time.sleep(1.5)
    told = [one for one in lab.api.list("v1/Event", namespace) if one["reason"] == "OutOfMemory"]
    assert len(told) == 1
    assert told[0]["involvedObject"]["kind"] == "RetrievalService"


def test_an_evicted_pod_is_replaced_and_the_service_ready_again(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    gone = strike(lab.api, the_pod(lab, namespace), evicted)["metadata"]["uid"]
    lab.api.wait_for(
        POD,
        "",
        lambda pod: is_ready(pod) and pod["metadata"]["uid"] != gone,
        namespace=namespace,
    )
    wait_ready(lab, "docs", namespace)


def test_a_lost_node_is_told_with_its_name(lab, namespace, nodes):
    (name,) = nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    pod = strike(lab.api, the_pod(lab, namespace), node_lost)
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("Degraded", "True", "NodeLost"), namespace=namespace
    )
    message = condition(found, "Degraded")["message"]
    assert f"{name} does not report" in message
    assert "restart or remove the node" in message
    release(lab.api, pod)
    wait_ready(lab, "docs", namespace)


def test_a_volume_that_cannot_be_mounted_is_told_in_the_kubelets_words(lab, namespace, nodes):
    nodes(whole(), end=HELD_NODE)
    lab.api.apply(service("docs", namespace))
    lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("Ready", "False", "ContainerStarting"), namespace=namespace
    )
    lab.api.create(mount_failed(the_pod(lab, namespace)))
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE,
        "docs",
        says("Ready", "False", "ContainerNotCreated"),
        namespace=namespace,
        limit_s=120,
    )
    message = condition(found, "Ready")["message"]
    assert 'secret "docs-keys" not found' in message
    assert "create or free what the message names" in message
    release(lab.api, the_pod(lab, namespace))
    wait_ready(lab, "docs", namespace)


def mount_failed(pod):
    """The event of a kubelet that cannot mount a Secret; the pod's status says nothing of it."""
    names = ("name", "namespace", "uid")
    now = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": "mount", "namespace": pod["metadata"]["namespace"]},
        "involvedObject": {
            "apiVersion": "v1",
            "kind": "Pod",
            **{name: pod["metadata"][name] for name in names},
        },
        "reason": "FailedMount",
        "message": 'MountVolume.SetUp failed for volume "keys" : secret "docs-keys" not found',
        "source": {"component": "kubelet"},
        "firstTimestamp": now,
        "lastTimestamp": now,
        "count": 1,
        "type": "Warning",
    }


def test_a_plan_that_does_not_fit_leaves_running_pods_alone(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    pod = the_pod(lab, namespace)["metadata"]["uid"]
    huge = {"model": {"uri": "hf://Qwen/Qwen3-Embedding-8B"}, "gpu": {"memory": "4Gi"}}
    lab.api.apply(service("docs", namespace, embedder=huge))
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("PlanValid", "False"), namespace=namespace
    )
    assert condition(found, "PlanValid")["reason"] == "ModelDoesNotFit"
    assert "Gi" in condition(found, "PlanValid")["message"]
    assert condition(found, "EmbedderReady")["status"] == "True"
    time.sleep(1.5)
    assert the_pod(lab, namespace)["metadata"]["uid"] == pod


def test_a_node_that_joins_restarts_nothing(lab, namespace, nodes):
    nodes(whole("NVIDIA-L4"))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    pod = the_pod(lab, namespace)["metadata"]["uid"]
    nodes(whole("Tesla-T4"), end="-small")
    time.sleep(2.5)
    assert the_pod(lab, namespace)["metadata"]["uid"] == pod
    assert wait_ready(lab, "docs", namespace)["status"]["gpu"] == "NVIDIA-L4"
