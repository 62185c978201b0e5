"""What a request of a GPU resource gets on nodes with these labels."""

import pytest

from retrieval_operator.devices import MIB
from retrieval_operator.inventory import Node, Sharing, cpu_offers, gpu_offers
from retrieval_operator.inventory.offers import resources_of
from tests.support.planning import cpu_node, gpu_node

WHOLE = "nvidia.com/gpu"


def test_a_whole_gpu_offers_the_memory_on_its_label():
    (offer,) = gpu_offers([gpu_node(23034, "NVIDIA-L4")], WHOLE)
    assert offer.memory_bytes == 23034 * MIB
    assert offer.sharing is Sharing.NONE
    assert "nvidia.com/gpu.memory: 23034 MiB" in offer.basis


def test_the_label_wins_over_the_table():
    (offer,) = gpu_offers([gpu_node(22000, "NVIDIA-L4")], WHOLE)
    assert offer.memory_bytes == 22000 * MIB
    assert offer.device.half_tflops == 121


def test_a_known_product_without_a_memory_label_is_taken_from_the_table():
    (offer,) = gpu_offers([gpu_node(None, "NVIDIA-L4")], WHOLE)
    assert offer.memory_bytes == 23034 * MIB
    assert offer.basis.startswith("product table")


def test_an_unlisted_product_works_from_its_labels():
    (offer,) = gpu_offers([gpu_node(50000, "NVIDIA-Q9", "9.0")], WHOLE)
    assert offer.device.capability == (9, 0)
    assert "not listed" in offer.device.source


def test_a_bare_device_plugin_tells_no_memory():
    (offer,) = gpu_offers([Node(devices={WHOLE: 2}, labels={})], WHOLE)
    assert offer.memory_bytes is None
    assert "no label says" in offer.basis


def test_mig_single_strategy_looks_like_a_small_gpu():
    (offer,) = gpu_offers([gpu_node(9728, "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb")], WHOLE)
    assert offer.memory_bytes == 9728 * MIB
    assert offer.device.capability == (8, 0)


def test_mig_mixed_strategy_offers_a_resource_of_its_own():
    node = Node(
        labels={
            "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
            "nvidia.com/gpu.count": "1",
            "nvidia.com/gpu.memory": "81920",
            "nvidia.com/mig-1g.10gb.count": "7",
            "nvidia.com/mig-1g.10gb.memory": "9728",
        }
    )
    (offer,) = gpu_offers([node], "nvidia.com/mig-1g.10gb")
    assert offer.memory_bytes == 9728 * MIB
    assert offer.product == "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"
    assert offer.count == 7
    assert resources_of([node]) == (WHOLE, "nvidia.com/mig-1g.10gb")


@pytest.mark.parametrize(
    ("strategy", "sharing"), [("time-slicing", Sharing.TIME_SLICING), ("mps", Sharing.MPS)]
)
def test_a_shared_gpu_offers_its_memory_divided_by_the_replicas(strategy, sharing):
    labels = {f"{WHOLE}.replicas": "4", f"{WHOLE}.sharing-strategy": strategy}
    (offer,) = gpu_offers([gpu_node(24000, "NVIDIA-A10-SHARED", labels=labels)], WHOLE)
    assert offer.memory_bytes == 6000 * MIB
    assert offer.sharing is sharing
    assert offer.count == 4
    assert "24000 MiB for 4 replicas" in offer.basis


def test_a_renamed_shared_resource_reads_the_labels_of_the_whole():
    labels = {f"{WHOLE}.replicas": "4", f"{WHOLE}.sharing-strategy": "time-slicing"}
    node = gpu_node(24000, "NVIDIA-A10", labels=labels)
    (offer,) = gpu_offers([node], "nvidia.com/gpu.shared")
    assert offer.memory_bytes == 6000 * MIB


def test_an_unshared_gpu_offers_no_shared_resource():
    assert gpu_offers([gpu_node()], "nvidia.com/gpu.shared") == ()


def test_what_is_allocatable_wins_over_what_labels_announce():
    node = gpu_node(23034, "NVIDIA-L4", count=4)
    drained = Node(labels=node.labels, devices={WHOLE: 0})
    assert gpu_offers([drained], WHOLE) == ()


def test_the_node_is_divided_among_its_gpus():
    labels = gpu_node(23034, "NVIDIA-L4").labels
    node = Node(labels=labels, millicores=48_000, memory_bytes=2**38, devices={WHOLE: 4})
    (offer,) = gpu_offers([node], WHOLE)
    assert offer.host_millicores == 12_000
    assert offer.host_memory_bytes == 2**36


def test_equal_nodes_are_one_offer_and_order_does_not_matter():
    nodes = [gpu_node(23034, "NVIDIA-L4"), gpu_node(81920, "NVIDIA-A100-SXM4-80GB")]
    assert gpu_offers([*nodes, *nodes], WHOLE) == gpu_offers(nodes[::-1], WHOLE)
    assert [offer.product for offer in gpu_offers(nodes, WHOLE)] == [
        "NVIDIA-L4",
        "NVIDIA-A100-SXM4-80GB",
    ]


@pytest.mark.parametrize("text", ["", "-1", "12 GiB", "１２", "9" * 40])
def test_a_label_that_is_no_number_is_no_memory(text):
    labels = {f"{WHOLE}.memory": text}
    (offer,) = gpu_offers([gpu_node(None, "NVIDIA-Q9", labels=labels)], WHOLE)
    assert offer.memory_bytes is None


def test_cpu_features_come_from_node_feature_discovery():
    (offer,) = cpu_offers([cpu_node(8, 32, ("AVX512BF16", "AMXBF16"))])
    assert offer.features == {"avx512_bf16", "amx_bf16"}
    assert offer.millicores == 8000
