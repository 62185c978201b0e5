"""The memory terms explain what was measured on real cards.

The measurements are nvidia-smi readings of bge-large-zh-v1.5 in fp32 on an RTX 4090: 1932 MiB after
loading, 2312 after first use, 2786 at the peak of a padded batch of 32 knowledge-base chunks. The
report does not give their length; 350 tokens are 500 Chinese characters, the splitter's default.
"""

import pytest

from retrieval_operator.devices import MIB, PRODUCTS
from retrieval_operator.plan.memory import Load, device_terms, host_terms, live_values
from retrieval_operator.spec.choices import Precision
from tests.support.planning import BGE_LARGE, facts

CHUNKS, CHUNK_TOKENS = 32, 350
MINILM = "sentence-transformers/all-MiniLM-L6-v2"
DEVICE = PRODUCTS["NVIDIA-GeForce-RTX-4090"]


def measured_mib(*names: str) -> float:
    load = Load(facts(BGE_LARGE), Precision.FP32, CHUNKS * CHUNK_TOKENS, CHUNK_TOKENS)
    terms = {term.name: term.bytes for term in device_terms(load, DEVICE)}
    return sum(terms[name] for name in names or terms.keys() - {"headroom"}) / MIB


def test_weights_and_context_explain_the_loaded_model():
    assert measured_mib("weights", "runtime context") == pytest.approx(1932, rel=0.01)


def test_workspaces_explain_the_working_model():
    loaded = measured_mib("weights", "runtime context", "library workspaces")
    assert loaded == pytest.approx(2312, rel=0.01)


def test_all_terms_explain_the_peak():
    assert measured_mib() == pytest.approx(2786, rel=0.05)


def test_main_memory_explains_the_process_beside_the_gpu():
    """3325 MiB resident after use, one web process included."""
    load = Load(facts(BGE_LARGE), Precision.FP32, CHUNKS * CHUNK_TOKENS, CHUNK_TOKENS)
    terms = host_terms(load, gpus=1, workers=1, queue_tokens=0)
    engine = {term.name: term.bytes for term in terms}
    total = engine["engine runtime"] + engine["checkpoint"]
    assert total / MIB == pytest.approx(3325, rel=0.01)


@pytest.mark.parametrize(
    ("model", "traced"),
    [
        (BGE_LARGE, 11264),
        (MINILM, 4224),
        ("BAAI/bge-m3", 11264),
        ("answerdotai/ModernBERT-base", 11776),
        ("answerdotai/ModernBERT-large", 15872),
        ("Qwen/Qwen3-Embedding-0.6B", 13632),
        ("Qwen/Qwen3-Embedding-4B", 39680),
        ("Qwen/Qwen3-Embedding-8B", 53504),
        ("nomic-ai/nomic-embed-text-v1.5", 12416),
        ("Alibaba-NLP/gte-multilingual-base", 12416),
        ("google/embeddinggemma-300m", 7174),
    ],
)
def test_live_values_are_those_traced_in_transformers(model, traced):
    assert live_values(facts(model)) == pytest.approx(traced, rel=0.05)


@pytest.mark.parametrize(("workers", "measured_mib"), [(1, 1134), (2, 1400)])
def test_main_memory_explains_the_predictor_on_a_cpu(workers, measured_mib):
    """Resident memory of all its processes after batches of 1024 tokens, all-MiniLM-L6-v2, fp32."""
    load = Load(facts(MINILM), Precision.FP32, 1024, 256)
    terms = host_terms(load, gpus=0, workers=workers, queue_tokens=12_288, threads=2)
    planned = sum(term.bytes for term in terms if term.name != "headroom") / MIB
    assert 0.9 < planned / measured_mib < 1.2
