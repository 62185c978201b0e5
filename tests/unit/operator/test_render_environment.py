"""The predictor reads from its environment what was planned and asked for."""

import os

import pytest

from retrieval_operator.plan.footprint import CUDA_CONTEXT
from retrieval_predictor.settings import Settings
from tests.support.rendering import plans, service, variables

GPU = """
embedder:
  model: {uri: 'hf://Qwen/Qwen3-Embedding-0.6B', revision: abc, trustRemoteCode: true}
  servedName: qwen
  gpu: {memory: 12Gi}
  prompts: {query: "Instruct: find\\nQuery:"}
  batching: {maxQueueDelayMilliseconds: 3}
"""
RERANKER = """
reranker:
  model: {allowPickle: true}
  scoring: LateInteraction
"""


def read(monkeypatch, spec: str) -> Settings:
    for name in [name for name in os.environ if name.startswith("RETRIEVAL_")]:
        monkeypatch.delenv(name)
    for name, value in variables(spec).items():
        if isinstance(value, str):
            monkeypatch.setenv(name, value)
    return Settings()


def test_every_planned_value_arrives(monkeypatch):
    (plan,) = plans(service(GPU)).values()
    settings = read(monkeypatch, GPU)
    assert settings.precision == plan.precision.value.value
    assert settings.max_input_tokens == plan.max_input_tokens.value
    assert settings.workers == plan.workers.value
    assert settings.threads == plan.threads.value
    assert settings.batching.max_batch_tokens == plan.room.batch_tokens
    assert settings.batching.max_batch_size == plan.room.batch_texts
    assert settings.batching.max_queue_tokens == plan.room.queue_tokens
    assert settings.gpu.count == 1
    assert settings.gpu.memory_bytes == 12 * 2**30 - CUDA_CONTEXT.bytes
    assert plan.gpu_memory is not None
    assert settings.planned_memory_bytes == plan.gpu_memory.planned_bytes


def test_every_value_of_the_object_arrives(monkeypatch):
    settings = read(monkeypatch, GPU)
    assert settings.component == "embedder"
    assert settings.name == "qwen"
    assert settings.model.uri == "hf://Qwen/Qwen3-Embedding-0.6B"
    assert settings.model.revision == "abc"
    assert str(settings.model.path) == "/mnt/models"
    assert settings.model.trust_remote_code
    assert settings.prompts == {"query": "Instruct: find\nQuery:"}
    assert str(settings.limits_file) == "/etc/retrieval/limits/limits.json"


def test_a_reranker_gets_its_scoring(monkeypatch):
    settings = read(monkeypatch, RERANKER)
    assert settings.component == "reranker"
    assert settings.scoring == "LateInteraction"
    assert settings.model.allow_pickle
    assert settings.gpu.count == 0


@pytest.mark.parametrize("spec", [GPU, RERANKER, "embedder: {}", "reranker: {instruction: judge}"])
def test_every_variable_of_ours_is_one_that_the_predictor_knows(spec):
    known = {_name(path) for path in _paths(Settings)}
    ours = {name for name in variables(spec) if name.startswith("RETRIEVAL_")}
    assert ours <= known


def _paths(model, prefix=()):
    for name, field in model.model_fields.items():
        kind = field.annotation
        if hasattr(kind, "model_fields"):
            yield from _paths(kind, (*prefix, name))
        else:
            yield (*prefix, name)


def _name(path):
    return "RETRIEVAL_" + "__".join(path).upper()
