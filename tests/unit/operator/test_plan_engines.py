"""A pod with several GPUs: one engine each, and everything beside them sized for all."""

from retrieval_operator.inventory import Node
from retrieval_operator.plan import GpuAsk, Reason
from tests.support.planning import GIB, ask, cluster, gpu_node, planned, refused

FOUR = cluster(gpu_node(23034, "NVIDIA-L4", count=4))


def gpus(count: int):
    return ask(gpu=GpuAsk(count=count))


def test_each_device_is_planned_like_the_only_one():
    one, two = planned(gpus(1), FOUR), planned(gpus(2), FOUR)
    assert two.gpu_memory == one.gpu_memory
    assert two.max_batch_tokens == one.max_batch_tokens
    assert (one.gpu_count, two.gpu_count) == (1, 2)


def test_main_memory_cores_and_rates_grow_with_the_devices():
    one, two = planned(gpus(1), FOUR), planned(gpus(2), FOUR)
    assert two.memory_bytes.value > one.memory_bytes.value + GIB
    assert two.cpu_millicores.value >= one.cpu_millicores.value + 1000
    assert two.estimate.tokens_per_s > 1.9 * one.estimate.tokens_per_s
    assert two.device == "2 × NVIDIA-L4"


def test_a_pod_of_two_gets_two_parts_of_the_node():
    node = Node(
        labels=gpu_node(23034, "NVIDIA-L4", count=4).labels,
        millicores=8000,
        memory_bytes=64 * GIB,
        devices={"nvidia.com/gpu": 4},
    )
    assert planned(gpus(1), cluster(node)).cpu_millicores.value <= 2000
    assert planned(gpus(2), cluster(node)).cpu_millicores.value <= 4000


def test_devices_of_two_nodes_do_not_make_a_pod():
    refusal = refused(gpus(2), cluster(gpu_node(count=1), gpu_node(count=1)))
    assert refusal.reason is Reason.NO_SUCH_DEVICE
    assert "2 nvidia.com/gpu on one node" in refusal.message
