"""Estimated rates are cautious against published figures, and consistent with one another."""

import pytest

from retrieval_operator.devices import PRODUCTS
from retrieval_operator.plan import capacity_of
from retrieval_operator.plan.aim import BURST_S
from retrieval_operator.plan.cost import gpu_speed
from retrieval_operator.spec.choices import Precision
from tests.support.planning import ask, cluster, facts, gpu_node, machine, on, planned

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
    plan = planned(ask(max_queue_tokens=8192), on("NVIDIA-L4"))
    capacity = capacity_of(plan)
    assert plan.estimate.burst_texts == pytest.approx(8192 / 16 + capacity.texts_per_s, abs=2)


def test_one_worker_bounds_the_queries_of_a_fast_card():
    one = planned(ask(workers=1), on("NVIDIA-H200")).estimate
    many = planned(ask(), on("NVIDIA-H200")).estimate
    assert one.texts_per_s == pytest.approx(1500, rel=0.05)
    assert many.texts_per_s == pytest.approx(3 * one.texts_per_s, abs=3)


def test_a_connection_for_each_request_of_a_burst_costs_the_workers_too():
    fast = planned(ask(workers=1), on("NVIDIA-H200")).estimate
    assert fast.burst_texts == pytest.approx(3 / 0.9 / (0.65e-3 + 0.13e-3), rel=0.01)


def test_an_estimate_says_how_far_it_may_be_off():
    assert planned(ask(), on("NVIDIA-L4")).estimate.spread == (0.5, 1.5)
    unlisted = cluster(gpu_node(23034, "NVIDIA-Q9", "8.9"))
    assert planned(ask(), unlisted).estimate.spread == (0.25, 3.0)


@pytest.mark.parametrize("precision", [Precision.FP16, Precision.FP32])
@pytest.mark.parametrize("product", ["NVIDIA-L4", "NVIDIA-GeForce-RTX-4090", "NVIDIA-H200"])
def test_a_narrow_model_reaches_less_of_a_cards_rate(product, precision):
    def reached(model):
        speed = gpu_speed(PRODUCTS[product], facts(model), precision, 256)
        return speed.token_operations * speed.peak_tokens_s

    assert reached(MINILM) < reached("BAAI/bge-large-en-v1.5") < reached("Qwen/Qwen3-Embedding-8B")


def test_an_estimate_names_the_rate_it_rests_on():
    assert "121 TFLOPS" in planned(ask(), on("NVIDIA-L4")).estimate.basis
