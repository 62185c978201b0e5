"""Servers of the lab stop and start again where they were, with what they knew."""

import httpx
import pytest

from tests.cluster.api import INFERENCE_SERVICE, POD, RETRIEVAL_SERVICE, Refused, is_ready
from tests.cluster.inference import inference_service
from tests.cluster.lab import Lab
from tests.cluster.nodes import whole
from tests.support.spec import document

AGAIN_S = 120
"""Controllers wait longer from outage to outage before they ask the API server again."""


def test_without_kserves_controller_nothing_is_admitted_until_it_is_back(
    lab: Lab, namespace, nodes
):
    nodes(whole("NVIDIA-L4"))
    lab.stop("kserve")
    try:
        with pytest.raises(Refused, match="failed calling webhook"):
            lab.api.apply(inference_service("docs", namespace))
    finally:
        lab.start("kserve")
    lab.api.apply(inference_service("docs", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_the_api_server_and_its_store_come_back_with_their_data(lab: Lab, namespace, nodes, end):
    nodes(whole("NVIDIA-L4"))
    kept = document({"embedder": {}, "suspend": True})  # an operator would start pods of it
    lab.api.create(kept | {"metadata": {"name": "kept", "namespace": namespace}})
    getattr(lab, end)("apiserver", "etcd")
    try:
        with pytest.raises(httpx.TransportError):
            lab.api.get(RETRIEVAL_SERVICE, "kept", namespace)
    finally:
        lab.start("etcd", "apiserver")
    assert lab.api.get(RETRIEVAL_SERVICE, "kept", namespace)["metadata"]["generation"] == 1
    lab.api.apply(inference_service("docs", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace, limit_s=AGAIN_S)


def test_a_watch_outlives_the_api_server(lab: Lab, namespace, nodes):
    nodes(whole("NVIDIA-L4"))
    lab.api.apply(inference_service("docs", namespace))
    lab.kill("apiserver")
    lab.start("apiserver")
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace, limit_s=AGAIN_S)
    assert len(lab.api.list(POD, namespace)) == 1
