"""How long an input, how large a batch and how long a queue are planned."""

import pytest

from retrieval_operator.plan import By, Reason
from retrieval_operator.plan.sizes import TIDY
from retrieval_operator.spec.choices import Profile
from tests.support.planning import ask, facts, machine, on, planned, refused

MINILM = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.mark.parametrize(
    ("model", "tokens"),
    [
        ("BAAI/bge-large-zh-v1.5", 512),
        (MINILM, 256),
        ("sentence-transformers/all-MiniLM-L12-v2", 128),
        ("BAAI/bge-m3", 2048),
        ("Qwen/Qwen3-Embedding-0.6B", 2048),
        ("google/embeddinggemma-300m", 2048),
    ],
)
def test_an_input_is_as_long_as_its_model_advises_and_no_longer_than_2048(model, tokens):
    assert planned(ask(model), on("NVIDIA-L4")).max_input_tokens.value == tokens


def test_a_shortened_default_says_what_the_model_would_take():
    assert "8192" in planned(ask("BAAI/bge-m3"), on("NVIDIA-L4")).max_input_tokens.why


def test_a_longer_input_that_is_set_is_kept():
    plan = planned(ask("BAAI/bge-m3", max_input_tokens=8192), on("NVIDIA-L4"))
    assert (plan.max_input_tokens.value, plan.max_input_tokens.by) == (8192, By.SET)
    assert plan.max_batch_tokens.value >= 8192


def test_an_input_beyond_the_position_table_is_refused_with_what_the_model_takes():
    refusal = refused(ask(max_input_tokens=1024), on("NVIDIA-L4"))
    assert refusal.reason is Reason.INPUT_TOO_LONG
    assert "1024" in refusal.message
    assert "512" in refusal.message
    assert refusal.remedies[0].text == "spec.embedder.maxInputTokens: 512"


def test_a_small_batch_that_is_set_shortens_the_default_input():
    plan = planned(ask("BAAI/bge-m3", max_batch_tokens=1000), on("NVIDIA-L4"))
    assert plan.max_input_tokens.value == 1000
    assert plan.max_input_tokens.why == "kept at batching.maxBatchTokens"


def test_planned_batches_are_tidy_numbers():
    assert planned(ask(), on("NVIDIA-L4")).max_batch_tokens.value in TIDY


def test_a_batch_is_never_shorter_than_the_longest_input():
    wish = ask("Qwen/Qwen3-Embedding-8B", max_input_tokens=10_000, profile=Profile.LATENCY)
    plan = planned(wish, on("NVIDIA-H200"))
    assert plan.max_batch_tokens.value == 10_000


def test_latency_takes_smaller_batches_and_throughput_larger_ones():
    sizes = [
        planned(ask(profile=profile), on("NVIDIA-H200")).max_batch_tokens.value
        for profile in (Profile.LATENCY, Profile.BALANCED, Profile.THROUGHPUT)
    ]
    assert sizes[0] < sizes[1] < sizes[2]


def test_a_faster_gpu_takes_a_larger_batch():
    slow = planned(ask(), on("NVIDIA-L4")).max_batch_tokens.value
    fast = planned(ask(), on("NVIDIA-H200")).max_batch_tokens.value
    assert slow < fast


@pytest.mark.parametrize("cores", [1, 2, 4, 16])
def test_a_cpu_takes_batches_of_one_to_four_thousand_tokens(cores):
    plan = planned(ask(MINILM, gpu=None), machine(cores, features=("AVX512F",)))
    assert 512 <= plan.max_batch_tokens.value <= 4096


def test_a_queue_holds_what_is_computed_in_time():
    plan = planned(ask(), on("NVIDIA-L4"))
    waited_s = plan.max_queue_tokens.value / plan.estimate.tokens_per_s
    assert 1.2 < waited_s <= 2.5


def test_values_that_are_set_are_kept_and_marked():
    wish = ask(
        max_batch_tokens=4000, max_batch_size=7, max_queue_tokens=9000, workers=3,
        max_input_tokens=100,
    )  # fmt: skip
    plan = planned(wish, on("NVIDIA-L4"))
    found = (
        plan.max_batch_tokens, plan.max_batch_size, plan.max_queue_tokens, plan.workers,
        plan.max_input_tokens,
    )  # fmt: skip
    assert [one.value for one in found] == [4000, 7, 9000, 3, 100]
    assert {one.by for one in found} == {By.SET}


def test_a_queue_that_is_set_bounds_the_batch():
    plan = planned(ask(max_queue_tokens=1000), on("NVIDIA-L4"))
    assert plan.max_batch_tokens.value <= 1000


def test_a_padded_family_holds_only_as_many_texts_as_fit_at_full_length():
    plan = planned(ask("sentence-transformers/all-mpnet-base-v2"), on("NVIDIA-L4"))
    longest = plan.max_input_tokens.value
    assert plan.max_batch_size.value * longest <= plan.max_batch_tokens.value
    assert facts("sentence-transformers/all-mpnet-base-v2").family.model_type == "mpnet"


@pytest.mark.parametrize(
    ("profile", "within_s", "wait_s"),
    [
        (Profile.LATENCY, None, 1.0),
        (Profile.BALANCED, None, 2.5),
        (Profile.BALANCED, 3, 2.5),
        (Profile.BALANCED, 30, 2.5),
        (Profile.THROUGHPUT, None, 10.0),
        (Profile.THROUGHPUT, 3, 2.5),
    ],
)
def test_work_waits_as_long_as_profile_and_objective_allow(profile, within_s, wait_s):
    plan = planned(ask(profile=profile, within_s=within_s), on("NVIDIA-L4"))
    assert plan.max_queue_wait_s == pytest.approx(wait_s)
