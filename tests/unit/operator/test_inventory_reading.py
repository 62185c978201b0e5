"""Node files and product arguments as people give them."""

import pytest
import yaml

from retrieval_operator.inventory import BadInventory, gpu_offers, nodes_of, product_node
from retrieval_operator.inventory.reading import described_node
from tests.support.planning import GIB

NODE = yaml.safe_load("""
apiVersion: v1
kind: Node
metadata:
  name: gpu-a
  labels: {nvidia.com/gpu.product: NVIDIA-L4, nvidia.com/gpu.memory: "23034"}
spec:
  taints: [{key: nvidia.com/gpu, value: present, effect: NoSchedule}]
status:
  allocatable: {cpu: 31850m, memory: 257Gi, pods: "110", nvidia.com/gpu: "1"}
""")


def test_a_node_is_read_with_its_labels_taints_and_allocatable():
    (node,) = nodes_of(NODE)
    assert node.name == "gpu-a"
    assert node.labels["nvidia.com/gpu.product"] == "NVIDIA-L4"
    assert node.taints[0].key == "nvidia.com/gpu"
    assert node.devices == {"nvidia.com/gpu": 1}


def test_what_daemon_sets_ask_for_is_left_to_them():
    (node,) = nodes_of(NODE)
    assert node.millicores == 31850 - 3185
    assert node.memory_bytes == 257 * GIB - 257 * GIB // 10
    (small,) = nodes_of({**NODE, "status": {"allocatable": {"cpu": "3920m", "memory": "3Gi"}}})
    assert (small.millicores, small.memory_bytes) == (3420, 3 * GIB - 512 * 2**20)
    (tiny,) = nodes_of({**NODE, "status": {"allocatable": {"cpu": "940m", "memory": "600Mi"}}})
    assert (tiny.millicores, tiny.memory_bytes) == (470, 300 * 2**20)


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "List", "items": [NODE, NODE]},
        {"kind": "NodeList", "items": [NODE, NODE]},
        [NODE, NODE],
        [{"kind": "List", "items": [NODE]}, NODE],
    ],
    ids=["kubectl list", "node list", "bare list", "several documents"],
)
def test_every_shape_of_list_is_taken(document):
    assert [node.name for node in nodes_of(document)] == ["gpu-a", "gpu-a"]


def test_a_plain_map_is_labels():
    (node,) = nodes_of({"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.count": 2})
    assert node.labels == {"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.count": "2"}
    assert node.devices is None


def test_unquoted_booleans_are_read_as_kubernetes_writes_them():
    (node,) = nodes_of({"nvidia.com/mig.capable": True})
    assert node.labels == {"nvidia.com/mig.capable": "true"}


@pytest.mark.parametrize(
    "document",
    [None, 3, "text", [], {"kind": "List", "items": []}, {"spec": {}}, [[[[NODE]]]]],
)
def test_what_holds_no_nodes_is_refused(document):
    with pytest.raises(BadInventory):
        nodes_of(document)


def test_an_unreadable_amount_is_named():
    broken = {**NODE, "status": {"allocatable": {"memory": "lots"}}}
    with pytest.raises(BadInventory, match="allocatable memory"):
        nodes_of(broken)


def test_a_product_argument_makes_a_node_with_so_many_gpus():
    (offer,) = gpu_offers([product_node("NVIDIA-L4:4")], "nvidia.com/gpu")
    assert (offer.product, offer.count) == ("NVIDIA-L4", 4)


def test_a_mig_product_is_offered_under_both_strategies():
    node = product_node("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb")
    single = gpu_offers([node], "nvidia.com/gpu")
    mixed = gpu_offers([node], "nvidia.com/mig-1g.10gb")
    assert single[0].memory_bytes == mixed[0].memory_bytes


@pytest.mark.parametrize("argument", ["NVIDIA-L4:", "NVIDIA-L4:0", "NVIDIA-L4:x", "NVIDIA-L4:-1"])
def test_a_count_that_is_none_is_refused(argument):
    with pytest.raises(BadInventory, match="1 to 1024"):
        product_node(argument)


def test_an_unknown_product_is_refused_with_its_neighbours():
    with pytest.raises(BadInventory, match="did you mean NVIDIA-GeForce-RTX-4090"):
        product_node("NVIDIA-GeForce-RTX-4090-Ti")


def test_a_product_may_be_written_as_nvidia_smi_prints_it():
    assert product_node("NVIDIA GeForce RTX 4090:2").labels == {
        "nvidia.com/gpu.product": "NVIDIA-GeForce-RTX-4090",
        "nvidia.com/gpu.count": "2",
    }


def test_a_slice_that_the_card_does_not_have_is_refused():
    with pytest.raises(BadInventory, match="NVIDIA-L4 cannot be cut"):
        product_node("NVIDIA-L4-MIG-1g.10gb")


def test_a_product_that_is_not_listed_can_be_described():
    node = described_node("Q9:2", 96 * 2**30, (9, 0))
    assert node.labels["nvidia.com/gpu.memory"] == "98304"
    assert node.labels["nvidia.com/gpu.count"] == "2"
    assert node.labels["nvidia.com/gpu.compute.major"] == "9"
