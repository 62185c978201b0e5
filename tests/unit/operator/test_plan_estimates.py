"""Estimated rates are cautious against published figures, and consistent with one another."""

import pytest

from retrieval_operator.plan.aim import BURST_S
from tests.support.planning import ask, machine, on, planned

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("model", "product", "published"),
    [
        ("BAAI/bge-large-en-v1.5", "NVIDIA-L4", 62_000),
        ("Snowflake/snowflake-arctic-embed-m", "NVIDIA-A10G", 230_000),
    ],
)
def test_a_gpu_estimate_is_near_or_below_what_others_measured(model, product, published):
    estimate = planned(ask(model), on(product)).estimate
    assert 0.5 * published < estimate.tokens_per_s < 1.1 * published


@pytest.mark.parametrize(
    ("features", "tokens_s"), [(("AVX512F",), 15_200), (("AVX512F", "AVX512BF16"), 25_000)]
)
def test_a_cpu_estimate_is_near_what_was_measured_on_two_cores(features, tokens_s):
    plan = planned(ask(MINILM, gpu=None, max_input_tokens=128), machine(2, features=features))
    assert plan.estimate.tokens_per_s == pytest.approx(tokens_s, rel=0.15)


def test_a_burst_is_what_is_answered_in_three_seconds():
    estimate = planned(ask(), on("NVIDIA-L4")).estimate
    assert estimate.burst_texts <= estimate.texts_per_s * BURST_S / 0.9 + 1


def test_a_short_queue_shortens_the_burst():
    short = planned(ask(max_queue_tokens=8192), on("NVIDIA-L4")).estimate
    assert short.burst_texts == int(8192 / 16 + short.texts_per_s) or (
        abs(short.burst_texts - 8192 / 16 - short.texts_per_s) < 2
    )


def test_one_worker_bounds_the_queries_of_a_fast_card():
    one = planned(ask(workers=1), on("NVIDIA-H200")).estimate
    many = planned(ask(), on("NVIDIA-H200")).estimate
    assert one.texts_per_s == 3000
    assert many.texts_per_s >= 10_000


def test_an_estimate_names_the_rate_it_rests_on():
    assert "121 TFLOPS" in planned(ask(), on("NVIDIA-L4")).estimate.basis
