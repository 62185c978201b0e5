"""A cluster without KServe, and one where it is installed later."""

from tests.cluster.api import DEPLOYMENT, INFERENCE_SERVICE, RETRIEVAL_SERVICE, is_ready
from tests.cluster.inference import inference_service
from tests.cluster.lab import Lab
from tests.cluster.nodes import whole


def test_kserve_can_be_removed_and_installed_again(lab: Lab, namespace, nodes):
    nodes(whole("NVIDIA-L4"))
    lab.api.apply(inference_service("before", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "before", is_ready, namespace=namespace)
    lab.remove_kserve()
    try:
        assert not lab.api.serves(INFERENCE_SERVICE)
        assert lab.api.serves(RETRIEVAL_SERVICE)
        assert "kserve" not in lab.pids()
    finally:
        lab.install_kserve()
    lab.api.apply(inference_service("after", namespace))
    lab.api.wait_for(INFERENCE_SERVICE, "after", is_ready, namespace=namespace)
    lab.api.delete(INFERENCE_SERVICE, "after", namespace)
    lab.api.wait_gone(DEPLOYMENT, "after-predictor", namespace)
