"""An InferenceService becomes ready where there is a GPU for it, and waits where there is none."""

import time

from tests.cluster.api import INFERENCE_SERVICE, POD, Document, condition, is_ready
from tests.cluster.inference import inference_service
from tests.cluster.lab import Lab
from tests.cluster.nodes import cpu, mig_mixed, whole


def is_unschedulable(pod: Document) -> bool:
    return condition(pod, "PodScheduled").get("reason") == "Unschedulable"


def test_it_becomes_ready_on_a_gpu_node(lab: Lab, namespace, nodes, record_property):
    (name,) = nodes(whole("NVIDIA-L4"))
    started_s = time.monotonic()
    lab.api.apply(inference_service("docs", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)
    record_property("apply_to_ready_s", round(time.monotonic() - started_s, 2))
    (pod,) = lab.api.list(POD, namespace)
    assert pod["spec"]["nodeName"] == name


def test_it_runs_on_a_slice(lab: Lab, namespace, nodes):
    nodes(mig_mixed())
    lab.api.apply(inference_service("docs", namespace, resource="nvidia.com/mig-1g.10gb"))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)


def test_the_scheduler_says_that_the_gpu_is_taken(lab: Lab, namespace, nodes):
    nodes(whole("NVIDIA-L4"))
    lab.api.apply(inference_service("first", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "first", is_ready, namespace=namespace)
    lab.api.apply(inference_service("second", namespace))
    pod = lab.api.wait_for(POD, "", is_unschedulable, namespace=namespace)
    assert "1 Insufficient nvidia.com/gpu" in condition(pod, "PodScheduled")["message"]


def test_a_node_that_joins_takes_the_waiting_pod(lab: Lab, namespace, nodes):
    nodes(cpu())
    lab.api.apply(inference_service("docs", namespace))
    lab.api.wait_for(POD, "", is_unschedulable, namespace=namespace)
    nodes(whole("NVIDIA-A10"))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)


def test_its_pods_go_with_it(lab: Lab, namespace, nodes):
    nodes(whole("NVIDIA-L4"))
    lab.api.apply(inference_service("docs", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)
    (pod,) = lab.api.list(POD, namespace)
    lab.api.delete(INFERENCE_SERVICE, "docs", namespace)
    lab.api.wait_gone(POD, pod["metadata"]["name"], namespace)
    assert lab.api.find(INFERENCE_SERVICE, "docs", namespace) is None


def test_a_foreign_pod_stays_off_the_nodes_of_a_test(lab: Lab, namespace, nodes):
    ours = nodes(whole("NVIDIA-L4"))
    stranger = inference_service("stranger", namespace)
    for key in ("nodeSelector", "tolerations"):
        del stranger["spec"]["predictor"][key]
    lab.api.apply(stranger)
    pod = lab.api.wait_for(
        POD, "", lambda pod: is_unschedulable(pod) or "nodeName" in pod["spec"], namespace=namespace
    )
    assert pod["spec"].get("nodeName") not in ours
