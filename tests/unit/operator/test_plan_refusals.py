"""A refusal says what is missing, in numbers, and which changes would fit."""

import pytest

from retrieval_operator.plan import Ask, GpuAsk, Plan, Reason, plan
from retrieval_operator.spec.choices import ComponentName, Precision
from tests.support.planning import (
    GIB,
    ask,
    cluster,
    cpu_node,
    facts,
    gpu_node,
    machine,
    on,
    planned,
    refused,
)

QWEN_4B = "Qwen/Qwen3-Embedding-4B"
QWEN_8B = "Qwen/Qwen3-Embedding-8B"


def remedies(refusal) -> str:
    return "\n".join(remedy.text for remedy in refusal.remedies)


def test_an_8b_model_on_a_t4_is_refused_with_the_smallest_card_that_holds_it():
    refusal = refused(ask(QWEN_8B), on("Tesla-T4"))
    assert refusal.reason is Reason.DOES_NOT_FIT
    assert "15.00 Gi" in refusal.message
    assert refusal.budget is not None
    assert refusal.budget.missing_bytes > 2 * GIB
    assert "a node with NVIDIA-A10 (22.49 Gi)" in remedies(refusal)


def test_fp32_that_was_set_is_the_first_thing_to_change():
    refusal = refused(ask(QWEN_4B, precision=Precision.FP32), on("Tesla-T4"))
    assert refusal.remedies[0].text == "spec.embedder.precision: Auto"


def test_a_batch_that_was_set_too_large_is_shrunk_to_the_largest_that_fits():
    refusal = refused(ask(max_batch_tokens=4_000_000), on("NVIDIA-L4"))
    assert "spec.embedder.batching.maxBatchTokens: 786432" in remedies(refusal)


def test_a_long_input_on_a_card_without_flash_attention_is_shortened():
    refusal = refused(
        ask("BAAI/bge-m3", max_input_tokens=8192, max_batch_tokens=16384), on("Tesla-T4")
    )
    assert "spec.embedder.batching.maxBatchTokens: 8192" in remedies(refusal)
    assert "no flash attention" in str(refusal.budget)


def test_a_longest_input_that_alone_is_too_large_is_shortened():
    refusal = refused(ask("Qwen/Qwen3-Embedding-0.6B", max_input_tokens=16384), on("Tesla-T4"))
    assert "spec.embedder.maxInputTokens: 8192" in remedies(refusal)


def test_a_product_that_the_cluster_has_and_that_fits_is_named():
    nodes = cluster(gpu_node(15360, "Tesla-T4", "7.5"), gpu_node(23034, "NVIDIA-L4"))
    refusal = refused(ask(QWEN_8B), nodes)
    assert "spec.embedder.gpu.products: [NVIDIA-L4]" in remedies(refusal)


def test_another_resource_that_the_cluster_has_and_that_fits_is_named():
    slices = {"nvidia.com/mig-1g.10gb.count": "1", "nvidia.com/mig-1g.10gb.memory": "9728"}
    node = gpu_node(23034, "NVIDIA-L4", labels=slices)
    refusal = refused(ask(QWEN_8B, gpu=GpuAsk("nvidia.com/mig-1g.10gb")), cluster(node))
    assert "spec.embedder.gpu.resource: nvidia.com/gpu" in remedies(refusal)


def test_a_cap_that_is_too_low_can_be_removed():
    refusal = refused(ask(gpu=GpuAsk(memory_bytes=GIB)), on("NVIDIA-L4"))
    assert "remove spec.embedder.gpu.memory" in remedies(refusal)
    assert "spec.embedder.gpu.memory" in refusal.message


def test_a_memory_limit_that_is_too_low_is_raised_to_what_is_needed():
    refusal = refused(ask(gpu=None, memory_limit_bytes=GIB), machine())
    assert "spec.embedder.resources.limits.memory: " in remedies(refusal)


def test_main_memory_beside_a_gpu_that_is_too_small_is_told_apart():
    refusal = refused(ask(memory_limit_bytes=GIB), on("NVIDIA-L4"))
    assert refusal.reason is Reason.HOST_TOO_SMALL
    assert "main memory" in refusal.message
    assert "spec.embedder.resources.limits.memory: 4352Mi" in remedies(refusal)


def test_a_machine_that_is_too_small_says_how_much_is_needed():
    refusal = refused(ask(QWEN_8B, gpu=None), machine(memory_gib=16))
    assert "nodes with 34 Gi of memory" in remedies(refusal)


def test_an_unknown_model_is_refused_with_the_way_to_give_its_facts():
    wish = Ask(ComponentName.EMBEDDER, "hf://BAAI/bge-large-zh-v15")
    refusal = plan(wish, None, machine())
    assert not isinstance(refusal, Plan)
    assert refusal.reason is Reason.UNKNOWN_MODEL
    assert "did you mean hf://BAAI/bge-large-zh-v1.5?" in refusal.advice
    assert any("--hub" in line for line in refusal.advice)


def test_a_gpu_that_is_not_there_is_refused_with_what_is_there():
    refusal = refused(ask(), machine())
    assert refusal.reason is Reason.NO_SUCH_DEVICE
    assert "this machine has no GPU" in refusal.message
    assert any("--gpu" in line for line in refusal.advice)


def test_a_refusal_reads_as_one_message():
    assert str(refused(ask(QWEN_8B), on("Tesla-T4"))).endswith(
        "too little. Would fit: a node with NVIDIA-A10 (22.49 Gi)"
    )
    unknown = plan(ask("nobody/nothing"), None, machine())
    assert ". Try: let a hub be asked" in str(unknown)


def test_a_misspelt_product_is_refused_with_its_neighbour():
    nodes = cluster(gpu_node(23034, "NVIDIA-L4"))
    refusal = refused(ask(gpu=GpuAsk(products=("NVIDIA-LL4",))), nodes)
    assert "nvidia.com/gpu on NVIDIA-L4" in refusal.message
    assert "did you mean NVIDIA-L4?" in refusal.advice


def test_a_device_of_unknown_memory_is_refused_until_someone_says_it():
    bare = cluster(gpu_node(None, "", count=1))
    refusal = refused(ask(), bare)
    assert refusal.reason is Reason.MEMORY_UNKNOWN
    assert "spec.embedder.gpu.memory with the card's memory, if 2Gi or more" in remedies(refusal)
    assert planned(ask(gpu=GpuAsk(memory_bytes=24 * GIB)), bare)


def test_nodes_that_no_toleration_opens_are_named_as_such():
    refusal = refused(ask(gpu=None, node_selector={"pool": "a"}), cluster(cpu_node()))
    assert refusal.reason is Reason.NO_SUCH_DEVICE
    assert "pool=a" in refusal.message


def test_a_card_without_tensor_cores_is_refused():
    refusal = refused(ask(), cluster(gpu_node(24576, "Tesla-P40", "6.1")))
    assert refusal.reason is Reason.NO_SUCH_DEVICE
    assert "6.1" in refusal.message


@pytest.mark.parametrize("model", ["BAAI/bge-m3", QWEN_4B, QWEN_8B])
def test_every_known_model_has_a_card_that_holds_it(model):
    refusal = refused(ask(model), cluster(gpu_node(2000)))
    assert any(remedy.text.startswith("a node with") for remedy in refusal.remedies)
    assert facts(model).parameters > 0


def test_pickled_weights_are_refused_before_anything_is_downloaded_with_the_line_that_cures_it():
    refusal = refused(ask("BAAI/bge-m3", allow_pickle=False), on("NVIDIA-L4"))
    assert refusal.reason is Reason.PICKLED
    assert "spec.embedder.model.allowPickle: true" in str(refusal)
    assert planned(ask("BAAI/bge-m3", allow_pickle=True), on("NVIDIA-L4"))
