"""The number format that a device gets, and the ones it is refused."""

import pytest

from retrieval_operator.plan import By, Reason
from retrieval_operator.spec.choices import Precision
from tests.support.planning import BGE_LARGE, ask, cluster, cpu_node, machine, on, planned, refused

QWEN = "Qwen/Qwen3-Embedding-0.6B"
GEMMA = "google/embeddinggemma-300m"


@pytest.mark.parametrize(
    ("model", "product", "precision"),
    [
        (BGE_LARGE, "NVIDIA-L4", "fp16"),
        (BGE_LARGE, "Tesla-T4", "fp16"),
        (QWEN, "NVIDIA-L4", "bf16"),
        (QWEN, "NVIDIA-A100-SXM4-80GB", "bf16"),
        (QWEN, "Tesla-T4", "fp16"),
        (GEMMA, "NVIDIA-L4", "bf16"),
        (GEMMA, "Tesla-T4", "fp32"),
    ],
)
def test_a_gpu_gets_the_format_it_computes_fastest_without_loss(model, product, precision):
    plan = planned(ask(model), on(product))
    assert plan.precision.value == precision
    assert plan.precision.by is By.PLANNED


def test_converted_bf16_weights_are_said_to_be_converted():
    assert "converted" in planned(ask(QWEN), on("Tesla-T4")).precision.why


def test_a_format_that_is_set_is_kept():
    plan = planned(ask(precision=Precision.FP32), on("NVIDIA-L4"))
    assert (plan.precision.value, plan.precision.by) == (Precision.FP32, By.SET)


def test_fp16_halves_the_weights_of_fp32():
    half = planned(ask(precision=Precision.FP16), on("NVIDIA-L4")).gpu_memory
    full = planned(ask(precision=Precision.FP32), on("NVIDIA-L4")).gpu_memory
    assert half is not None
    assert full is not None
    assert half.terms[0].bytes * 2 == full.terms[0].bytes


def test_bf16_on_turing_is_refused_and_auto_would_do():
    refusal = refused(ask(precision=Precision.BF16), on("Tesla-T4"))
    assert refusal.reason is Reason.PRECISION
    assert "compute capability 7.5" in refusal.message
    assert refusal.remedies[0].text == "spec.embedder.precision: Auto"


@pytest.mark.parametrize(
    ("features", "precision"),
    [((), "fp32"), (("AVX512F",), "fp32"), (("AVX512BF16",), "bf16"), (("AMXBF16",), "bf16")],
)
def test_a_cpu_gets_bf16_only_where_it_has_it(features, precision):
    plan = planned(ask(gpu=None), machine(features=features))
    assert plan.precision.value == precision


def test_bf16_needs_every_node_that_may_take_the_pod():
    mixed = cluster(cpu_node(features=("AVX512BF16",)), cpu_node(cores=32))
    plan = planned(ask(gpu=None), mixed)
    assert plan.precision.value is Precision.FP32
    assert "Node Feature Discovery" in plan.precision.why


@pytest.mark.parametrize("precision", [Precision.BF16, Precision.FP16, Precision.INT8])
def test_a_cpu_without_the_format_is_refused_with_a_change_that_fits(precision):
    refusal = refused(ask(gpu=None, precision=precision), machine())
    assert refusal.reason is Reason.PRECISION
    assert refusal.remedies
