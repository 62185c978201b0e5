"""KServe goes, comes, or does not answer; services say so and become ready when it is back."""

from tests.cluster.api import INFERENCE_SERVICE, RETRIEVAL_SERVICE, condition
from tests.cluster.nodes import whole
from tests.cluster.operated import says, service, wait_ready
from tests.cluster.process import answers

TOLD_S = 10.0


def test_without_kserves_webhook_a_service_waits_for_it(lab, operator, namespace, nodes, took):
    nodes(whole(count=2))
    lab.api.apply(service("runs", namespace))
    wait_ready(lab, "runs", namespace)
    lab.kill("kserve")
    try:
        took("killed_s")
        lab.api.apply(service("docs", namespace))
        found = lab.api.wait_for(
            RETRIEVAL_SERVICE,
            "docs",
            says("Ready", "False", "WebhookUnreachable"),
            namespace=namespace,
            limit_s=TOLD_S,
        )
        took("told_s")
        for kind in ("KServeAvailable", "EmbedderReady", "Ready"):
            assert "start the KServe controller" in condition(found, kind)["message"]
        wait_ready(lab, "runs", namespace)
        assert answers(f"{operator.url}/healthz")
    finally:
        lab.start("kserve")
    took("restarted_s")
    wait_ready(lab, "docs", namespace)
    took("ready_s")


def test_kserve_may_be_removed_and_installed_again(lab, operator, namespace, nodes, took):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    pid = operator.server.pid
    lab.remove_kserve()
    took("removed_s")
    try:
        lab.api.apply(service("late", namespace))
        for name in ("docs", "late"):
            found = lab.api.wait_for(
                RETRIEVAL_SERVICE,
                name,
                says("Ready", "False", "KServeMissing"),
                namespace=namespace,
            )
            assert "install KServe" in condition(found, "KServeAvailable")["message"]
        took("told_s")
        assert answers(f"{operator.url}/healthz")
    finally:
        lab.install_kserve()
    took("installed_s")
    for name in ("docs", "late"):
        wait_ready(lab, name, namespace, limit_s=45)
    took("ready_s")
    assert lab.api.find(INFERENCE_SERVICE, "late-embedder", namespace)
    assert operator.server.pid == pid
