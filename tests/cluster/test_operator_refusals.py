"""What a cluster, or this version, cannot do is refused with the numbers and a remedy."""

import time

import pytest

from tests.cluster.api import INFERENCE_SERVICE, POD, RETRIEVAL_SERVICE, Refused, condition, until
from tests.cluster.nodes import cpu, mps, time_sliced, whole
from tests.cluster.operated import says, service, wait_ready

pytestmark = pytest.mark.usefixtures("operator")
SHARED = {"placement": "Shared"}


def pods(lab, namespace):
    return {pod["metadata"]["uid"] for pod in lab.api.list(POD, namespace)}


def refused(lab, namespace, kind, reason):
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says(kind, "False", reason), namespace=namespace
    )
    message = condition(found, kind)["message"]
    assert condition(found, "Ready")["reason"] == reason
    assert condition(found, "Ready")["message"] == message
    return message


def test_one_pod_for_both_models_is_refused_with_what_to_do_instead(lab, namespace, nodes):
    nodes(time_sliced())
    both = service("docs", namespace, embedder={}, reranker={})
    lab.api.apply(both | {"spec": both["spec"] | SHARED})
    message = refused(lab, namespace, "Accepted", "UnsupportedField")
    assert "spec.placement: Shared" in message
    assert "use Separate" in message
    assert not lab.api.list(INFERENCE_SERVICE, namespace)
    until(
        lambda: (
            [
                one["message"]
                for one in lab.api.list("v1/Event", namespace)
                if one["reason"] == "UnsupportedField"
            ]
            == [message]
        ),
        "one event tells it",
    )
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": {"placement": None}}, namespace)
    wait_ready(lab, "docs", namespace)


def test_an_unsupported_wish_leaves_running_pods_alone(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    running = pods(lab, namespace)
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": SHARED}, namespace)
    refused(lab, namespace, "Accepted", "UnsupportedField")
    found = lab.api.get(RETRIEVAL_SERVICE, "docs", namespace)
    assert condition(found, "EmbedderReady")["status"] == "True"
    time.sleep(1.5)
    assert pods(lab, namespace) == running


def test_int8_on_a_cpu_is_refused_with_what_to_take_instead(lab, namespace, nodes):
    nodes(cpu())
    lab.api.apply(service("docs", namespace, embedder={"gpu": None, "precision": "int8"}))
    message = refused(lab, namespace, "Accepted", "UnsupportedField")
    assert "spec.embedder.precision: int8" in message
    assert "use Auto" in message
    assert not lab.api.list(INFERENCE_SERVICE, namespace)


def test_int8_on_a_gpu_is_not_even_stored(lab, namespace):
    with pytest.raises(Refused) as refusal:
        lab.api.create(service("docs", namespace, embedder={"precision": "int8"}))
    assert refusal.value.paths == ("spec.embedder.precision",)
    assert "remove gpu, or set precision to Auto, fp16 or bf16" in refusal.value.message


@pytest.mark.parametrize("shape", [time_sliced, mps])
def test_a_share_of_a_gpu_that_is_too_small_is_told_with_both_sizes(lab, namespace, nodes, shape):
    nodes(shape(replicas=16))
    lab.api.apply(service("docs", namespace))
    message = refused(lab, namespace, "PlanValid", "ModelDoesNotFit")
    assert "needs" in message
    assert "offers 1.41 Gi" in message
    assert "for 16 replicas" in message
    assert "Would fit: " in message
