"""Which of several devices a plan has to fit."""

import pytest

from retrieval_operator.devices import MIB
from retrieval_operator.inventory import Node, Origin, Taint, nodes_of
from retrieval_operator.plan import GpuAsk, Reason
from retrieval_operator.spec.choices import Precision
from retrieval_operator.spec.pod import Toleration
from tests.support.planning import (
    GIB,
    ask,
    cluster,
    cpu_node,
    gpu_node,
    machine,
    on,
    planned,
    refused,
    term_bytes,
)

SHARED = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.sharing-strategy": "time-slicing"}
T4 = gpu_node(15360, "Tesla-T4", "7.5")
L4 = gpu_node(23034, "NVIDIA-L4")
A100 = gpu_node(81920, "NVIDIA-A100-SXM4-80GB", "8.0")


def available_mib(plan) -> int:
    return plan.gpu_memory.available_bytes // MIB


def test_a_mixed_pool_is_planned_for_its_smallest_card_and_says_so():
    plan = planned(ask(), cluster(A100, L4, T4))
    assert plan.device == "Tesla-T4"
    assert available_mib(plan) == 15360
    assert any("smallest of 3 products" in note for note in plan.notes)


def test_products_narrow_the_pool():
    plan = planned(ask(gpu=GpuAsk(products=("NVIDIA-L4",))), cluster(A100, L4, T4))
    assert plan.device == "NVIDIA-L4"
    assert plan.notes == ()


def test_the_oldest_card_of_a_pool_decides_the_precision():
    turing = gpu_node(32768, "Quadro-RTX-8000", "7.5")
    plan = planned(ask("Qwen/Qwen3-Embedding-0.6B"), cluster(L4, turing))
    assert plan.device == "NVIDIA-L4"
    assert plan.precision.value is Precision.FP16


def test_a_larger_card_that_joins_changes_nothing_but_a_note():
    before, after = planned(ask(), cluster(L4)), planned(ask(), cluster(L4, A100))
    assert before.max_batch_tokens == after.max_batch_tokens
    assert before.gpu_memory == after.gpu_memory


def test_a_time_sliced_card_gives_its_share_and_tells_the_predictor():
    shared = gpu_node(24000, "NVIDIA-A10-SHARED", labels=SHARED)
    plan = planned(ask(), cluster(shared))
    assert available_mib(plan) == 6000
    assert plan.gpu_memory_cap_bytes == (6000 - 690) * MIB
    assert any("without isolation" in note for note in plan.notes)


def test_a_whole_card_is_not_capped():
    assert planned(ask(), cluster(L4)).gpu_memory_cap_bytes == 0


def test_gpu_memory_caps_a_larger_card():
    plan = planned(ask(gpu=GpuAsk(memory_bytes=8 * GIB)), cluster(L4))
    assert plan.gpu_memory_cap_bytes == 8 * GIB - 690 * MIB
    assert plan.basis == "spec.embedder.gpu.memory"


def test_what_an_engine_may_allocate_and_its_context_are_its_share_together():
    half = {"nvidia.com/gpu.replicas": "2", "nvidia.com/gpu.sharing-strategy": "time-slicing"}
    plan = planned(ask(), cluster(gpu_node(24564, "NVIDIA-GeForce-RTX-4090", labels=half)))
    context = term_bytes(plan, "runtime context")
    assert plan.gpu_memory_cap_bytes + context == plan.device_memory.available_bytes
    assert plan.device_memory.total_bytes - context <= plan.gpu_memory_cap_bytes


@pytest.mark.parametrize("strategy", ["mps", "time-slicing"])
def test_a_share_is_planned_at_its_share_of_the_rate(strategy):
    labels = {"nvidia.com/gpu.replicas": "4", "nvidia.com/gpu.sharing-strategy": strategy}
    quarter = planned(ask(), cluster(gpu_node(24564, "NVIDIA-GeForce-RTX-4090", labels=labels)))
    whole = planned(ask(), cluster(gpu_node(24564, "NVIDIA-GeForce-RTX-4090")))
    assert quarter.estimate.tokens_per_s == pytest.approx(whole.estimate.tokens_per_s / 4, rel=0.2)
    assert any("up to 4 times faster" in note for note in quarter.notes)


def test_gpu_memory_never_makes_a_card_larger():
    plan = planned(ask(gpu=GpuAsk(memory_bytes=80 * GIB)), cluster(L4))
    assert available_mib(plan) == 23034


def test_gpu_memory_speaks_for_nodes_without_labels_and_keeps_smaller_known_ones():
    bare = Node(devices={"nvidia.com/gpu": 1})
    plan = planned(ask(gpu=GpuAsk(memory_bytes=24 * GIB)), cluster(bare, T4))
    assert available_mib(plan) == 15360


def test_nodes_without_labels_are_left_out_where_others_tell():
    bare = Node(devices={"nvidia.com/gpu": 1})
    plan = planned(ask(), cluster(bare, L4))
    assert plan.device == "NVIDIA-L4"
    assert any("left out" in note for note in plan.notes)


def test_a_listed_product_that_no_node_has_yet_is_planned_from_the_table():
    plan = planned(ask(gpu=GpuAsk(products=("NVIDIA-L4",))), cluster(cpu_node()))
    assert available_mib(plan) == 23034
    assert any("until one joins" in note for note in plan.notes)


def test_a_cpu_component_is_planned_where_no_node_is_known():
    plan = planned(ask(gpu=None), cluster())
    assert plan.precision.value is Precision.FP32
    assert plan.cpu_millicores.value == 4000
    assert plan.memory.available_bytes is None
    assert any("no node is known" in note for note in plan.notes)


def test_a_cpu_component_that_no_known_node_takes_is_refused():
    away = refused(ask(gpu=None, node_selector={"pool": "none"}), cluster(cpu_node()))
    assert away.reason is Reason.NO_SUCH_DEVICE
    assert "none of 1 nodes takes the pod" in away.message


def test_a_slice_of_its_own_resource_is_planned():
    wish = ask(gpu=GpuAsk("nvidia.com/mig-1g.10gb"))
    plan = planned(wish, on("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"))
    assert plan.gpu_resource == "nvidia.com/mig-1g.10gb"
    assert available_mib(plan) == 9728


def test_the_node_selector_picks_the_nodes():
    big = Node(labels={**A100.labels, "pool": "big"})
    plan = planned(ask(node_selector={"pool": "big"}), cluster(T4, big))
    assert plan.device == "NVIDIA-A100-SXM4-80GB"


def test_the_taint_of_gpu_nodes_is_tolerated_and_others_are_not():
    tainted = Node(labels=A100.labels, taints=(Taint("nvidia.com/gpu", "present"),))
    reserved = Node(labels=T4.labels, taints=(Taint("team", "other"),))
    assert planned(ask(), cluster(tainted, reserved)).device == "NVIDIA-A100-SXM4-80GB"


def test_a_toleration_opens_tainted_nodes():
    reserved = Node(labels=T4.labels, taints=(Taint("team", "ours", "NoExecute"),))
    toleration = Toleration(key="team", value="ours")
    plan = planned(ask(tolerations=(toleration,)), cluster(reserved, L4))
    assert plan.device == "Tesla-T4"


def test_a_gpu_pod_is_sized_within_its_part_of_the_node():
    node = Node(
        labels=gpu_node(143771, "NVIDIA-H200", "9.0").labels,
        millicores=16_000,
        memory_bytes=256 * GIB,
        devices={"nvidia.com/gpu": 8},
    )
    plan = planned(ask(), cluster(node))
    assert plan.cpu_millicores.value == 2000
    assert plan.workers.value == 1


def test_a_laptop_gives_all_its_cores_and_a_node_a_few():
    assert planned(ask(gpu=None), machine(16)).cpu_millicores.value == 16_000
    assert planned(ask(gpu=None), cluster(cpu_node(16))).cpu_millicores.value == 4000


def test_two_components_on_cpus_are_scheduled_on_a_node_of_four_cores():
    (node,) = nodes_of(
        {"kind": "Node", "status": {"allocatable": {"cpu": "3920m", "memory": "14Gi"}}}
    )
    halves = [
        planned(ask(model, gpu=None), cluster(node))
        for model in ("builtin://all-MiniLM-L6-v2", "BAAI/bge-reranker-base")
    ]
    assert sum(half.requested_millicores.value for half in halves) <= 3920 - 500
    assert {half.cpu_millicores.value for half in halves} == {3400}
    assert sum(half.memory_bytes.value for half in halves) <= 14 * GIB * 9 // 10


def test_a_pod_with_a_gpu_is_kept_all_the_cores_it_may_use():
    plan = planned(ask(), on("NVIDIA-L4"))
    assert plan.requested_millicores.value == plan.cpu_millicores.value


def test_the_authors_amounts_are_kept():
    limited = planned(ask(gpu=None, cpu_limit_millicores=3000), machine(16))
    assert limited.requested_millicores.value == 3000
    asked = planned(ask(gpu=None, cpu_request_millicores=1500), machine(16))
    assert (asked.requested_millicores.value, asked.cpu_millicores.value) == (1500, 1500)


def test_workers_leave_the_other_cores_to_the_engine():
    plan = planned(ask(gpu=None), machine(16))
    assert plan.threads.value == 16 - plan.workers.value


def test_an_unlisted_product_is_planned_and_said_to_be_assumed():
    plan = planned(ask(), cluster(gpu_node(48000, "NVIDIA-Q9", "8.6")))
    assert any("not listed" in note for note in plan.notes)
    assert plan.device == "NVIDIA-Q9"


def test_volta_is_refused_because_the_image_has_no_kernels_for_it():
    refusal = refused(ask(), on("Tesla-V100-SXM2-16GB", origin=Origin.PRODUCT))
    assert refusal.reason is Reason.NO_SUCH_DEVICE
    assert "compute capability 7.0; 7.5 is the oldest" in refusal.message
