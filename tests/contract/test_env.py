"""What is rendered is what the predictor reads: their only wire is the environment."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from retrieval_operator.facts.lookup import facts_of
from retrieval_operator.inventory.node import Inventory, Origin
from retrieval_operator.inventory.reading import product_node
from retrieval_operator.machine import this_machine
from retrieval_operator.plan.ask import ask_of
from retrieval_operator.plan.planner import plan
from retrieval_operator.plan.result import Plan
from retrieval_operator.render.context import Context
from retrieval_operator.render.manifests import render
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.parsing import parse
from retrieval_operator.spec.service import RetrievalService
from retrieval_predictor.settings import Settings
from tests.support.rendering import drafts

MANIFESTS = Path("manifests")

EVERY_KNOB = """
apiVersion: retrieval.io/v1alpha1
kind: RetrievalService
metadata: {name: full, namespace: search}
spec:
  embedder:
    model: {uri: "hf://BAAI/bge-large-en-v1.5", revision: main, allowPickle: true}
    servedName: vectors
    precision: fp16
    maxInputTokens: 384
    workers: 3
    batching:
      {maxBatchTokens: 8192, maxBatchSize: 99, maxQueueTokens: 77777, maxQueueDelayMilliseconds: 4}
    acceptTokenIds: true
    prompts: {query: "find: ", passage: ""}
    gpu: {}
  reranker:
    model: {uri: "hf://Qwen/Qwen3-Reranker-0.6B"}
    instruction: judge by topic
    gpu: {}
"""


def planned(document: dict, gpu: str | None) -> tuple[RetrievalService, dict[ComponentName, Plan]]:
    service = parse(document)
    node = (product_node(gpu),) if gpu else ()
    inventory = Inventory((*node, *this_machine().nodes), Origin.PRODUCT)
    plans = {}
    for one in service.spec.components:
        answer = plan(ask_of(service.spec, one), facts_of(one.model.uri), inventory)
        assert isinstance(answer, Plan), answer
        plans[one.name] = answer
    return service, plans


def settings_of(manifest: dict, monkeypatch: pytest.MonkeyPatch) -> Settings:
    (container,) = manifest["spec"]["predictor"]["containers"]
    for entry in container["env"]:
        if entry["name"].startswith("RETRIEVAL_"):
            monkeypatch.setenv(entry["name"], entry["value"])
    return Settings()


def rendered(document: dict, gpu: str | None, monkeypatch) -> list[tuple[Plan, Settings]]:
    service, plans = planned(document, gpu)
    pairs = []
    manifests = render(service, drafts(plans, "image"), Context("image"))
    predictors = [one for one in manifests if one["kind"] == "InferenceService"]
    for component, manifest in zip(plans, predictors, strict=True):
        with monkeypatch.context() as patch:
            pairs.append((plans[component], settings_of(manifest, patch)))
    return pairs


@pytest.mark.parametrize(
    ("path", "gpu"),
    [
        ("quickstart.yaml", None),
        ("samples/cpu-only.yaml", None),
        ("samples/bge-large-l4.yaml", "NVIDIA-L4"),
        ("samples/bge-m3-reranker-v2-m3-a100.yaml", "NVIDIA-A100-SXM4-80GB"),
        ("samples/qwen3-embedding-8b-h100.yaml", "NVIDIA-H100-80GB-HBM3"),
        ("samples/qwen3-reranker-0.6b-l4.yaml", "NVIDIA-L4"),
    ],
)
def test_every_planned_number_reaches_the_predictor(path, gpu, monkeypatch):
    document = yaml.safe_load((MANIFESTS / path).read_text())
    for plan_, settings in rendered(document, gpu, monkeypatch):
        assert settings.component.value == plan_.component.value
        assert settings.precision.value == plan_.precision.value.value
        assert settings.max_input_tokens == plan_.max_input_tokens.value
        assert settings.workers == plan_.workers.value
        assert settings.threads == plan_.threads.value
        assert settings.batching.max_batch_tokens == plan_.room.batch_tokens
        assert settings.batching.max_batch_size == plan_.room.batch_texts
        assert settings.batching.max_queue_tokens == plan_.room.queue_tokens
        assert settings.batching.max_queue_wait_milliseconds == 0
        assert settings.gpu.count == plan_.gpu_count
        assert settings.planned_memory_bytes == plan_.device_memory.planned_bytes


def test_every_field_an_author_sets_reaches_the_predictor(monkeypatch):
    document = yaml.safe_load(EVERY_KNOB)
    (_, embedder), (_, reranker) = rendered(document, "NVIDIA-L4", monkeypatch)
    spec = document["spec"]["embedder"]
    assert embedder.name == "vectors"
    assert (embedder.model.uri, embedder.model.revision) == (spec["model"]["uri"], "main")
    assert embedder.model.allow_pickle
    assert str(embedder.model.path) == "/mnt/models"
    assert embedder.precision.value == "fp16"
    assert (embedder.max_input_tokens, embedder.workers) == (384, 3)
    assert embedder.prompts == spec["prompts"]
    assert embedder.accept_token_ids
    assert (reranker.scoring.value, reranker.instruction) == ("Auto", "judge by topic")
