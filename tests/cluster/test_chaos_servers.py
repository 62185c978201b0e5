"""The API server or its store goes away under the operator, which waits and then converges."""

import time

import pytest

from tests.cluster.api import INFERENCE_SERVICE
from tests.cluster.faults import hang
from tests.cluster.nodes import whole
from tests.cluster.operated import service, wait_ready
from tests.cluster.process import answers


def broken(lab, namespace):
    change = {"spec": {"predictor": {"minReplicas": 3, "maxReplicas": 3}}}
    lab.api.patch(INFERENCE_SERVICE, "docs-embedder", change, namespace)


def wait_repaired(lab, namespace):
    lab.api.wait_for(
        INFERENCE_SERVICE,
        "docs-embedder",
        lambda one: one["spec"]["predictor"]["minReplicas"] == 1,
        namespace=namespace,
        limit_s=40,
    )


@pytest.mark.parametrize("server", ["apiserver", "etcd"])
def test_the_operator_goes_on_after_a_crash_of(lab, operator, namespace, nodes, server, took):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    pid = operator.server.pid
    lab.kill(server)
    time.sleep(2)
    lab.start(server)
    lab.start("apiserver")
    took("restarted_s")
    broken(lab, namespace)
    wait_repaired(lab, namespace)
    took("repaired_s")
    lab.api.apply(service("more", namespace, embedder={"gpu": None}))
    wait_ready(lab, "more", namespace)
    took("new_service_s")
    assert operator.server.pid == pid


def test_an_api_server_that_hangs_is_waited_for(lab, operator, faults, namespace, nodes, took):
    nodes(whole())
    faults.answer(hang, times=100_000, verb="patch")
    faults.answer(hang, times=100_000, verb="get")
    faults.answer(hang, times=100_000, verb="update")
    lab.api.apply(service("docs", namespace))
    time.sleep(12)
    assert answers(f"{operator.url}/healthz")
    faults.heal()
    took("hung_s")
    wait_ready(lab, "docs", namespace, limit_s=45)
    took("ready_s")
