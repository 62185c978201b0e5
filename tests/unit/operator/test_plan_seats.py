"""Two pods never get one device: "fits" is said once for each device there is."""

import json

import yaml
from hypothesis import given
from hypothesis import strategies as st

from retrieval_operator.cli import main
from retrieval_operator.inventory import Node
from retrieval_operator.plan import GpuAsk, Wanted, waiting
from retrieval_operator.spec.choices import ComponentName
from tests.support.planning import ask, cluster, gpu_node

RERANKER = "BAAI/bge-reranker-base"
L4, T4 = gpu_node(23034, "NVIDIA-L4"), gpu_node(15360, "Tesla-T4", "7.5")


def two(*nodes: Node, embedder: GpuAsk = GpuAsk(), pods: int = 1):  # noqa: B008 - frozen
    wanted = (Wanted(ask(gpu=embedder), pods), Wanted(ask(RERANKER), 1))
    return waiting(wanted, cluster(*nodes))


def test_two_components_that_need_a_gpu_each_do_not_both_fit_a_node_with_one():
    (waits,) = two(L4)
    assert waits.component is ComponentName.RERANKER
    assert "0 of 1 pods find a nvidia.com/gpu beside embedder" in str(waits)
    assert two(L4, L4) == ()
    assert two(gpu_node(23034, "NVIDIA-L4", count=2)) == ()


def test_who_has_less_choice_is_seated_first():
    assert two(L4, T4, embedder=GpuAsk(products=("Tesla-T4",))) == ()
    assert two(T4, L4, embedder=GpuAsk(products=("NVIDIA-L4",))) == ()


def test_shares_of_a_device_seat_two():
    labels = {"nvidia.com/gpu.replicas": "2", "nvidia.com/gpu.sharing-strategy": "mps"}
    assert two(gpu_node(24564, "NVIDIA-GeForce-RTX-4090", labels=labels)) == ()


def test_devices_of_different_resources_are_not_rivals():
    mixed = Node(labels=L4.labels, devices={"nvidia.com/gpu": 1, "nvidia.com/mig-1g.10gb": 1})
    assert two(mixed, embedder=GpuAsk("nvidia.com/mig-1g.10gb", memory_bytes=10 * 2**30)) == ()


def test_a_cluster_without_such_devices_is_no_shortage():
    """That is another answer: the plan's own, that no node offers the device now."""
    assert two(Node(devices={})) == ()


def test_every_replica_needs_its_devices():
    (waits,) = two(gpu_node(23034, "NVIDIA-L4", count=4), embedder=GpuAsk(count=2), pods=2)
    assert (waits.seated, waits.pods) == (0, 1)


@given(st.lists(st.integers(1, 8), min_size=1, max_size=5), st.integers(1, 9), st.integers(1, 3))
def test_more_nodes_never_seat_fewer(counts, pods, each):
    nodes = [gpu_node(23034, "NVIDIA-L4", count=count) for count in counts]
    few = sum(one.pods - one.seated for one in two(*nodes, embedder=GpuAsk(count=each), pods=pods))
    more = two(*nodes, L4, embedder=GpuAsk(count=each), pods=pods)
    assert sum(one.pods - one.seated for one in more) <= few


BOTH = """
apiVersion: retrieval.io/v1alpha1
kind: RetrievalService
metadata: {name: docs}
spec:
  embedder: {model: {uri: "hf://BAAI/bge-large-zh-v1.5"}, gpu: {}}
  reranker: {model: {uri: "hf://BAAI/bge-reranker-base"}, gpu: {}}
"""


def test_the_command_says_fits_once_for_one_gpu(capsys, tmp_path):
    path = tmp_path / "both.yaml"
    path.write_text(BOTH)
    assert main(["plan", "-f", str(path), "--gpu", "NVIDIA-GeForce-RTX-4090"]) == 1
    out = capsys.readouterr().out
    assert out.count("  fits  ") == 1
    assert "waits" in out
    assert main(["plan", "-f", str(path), "--gpu", "NVIDIA-GeForce-RTX-4090:2"]) == 0
    assert capsys.readouterr().out.count("  fits  ") == 2
    main(["plan", "-f", str(path), "--gpu", "NVIDIA-L4", "-o", "json"])
    (found,) = json.loads(capsys.readouterr().out)
    assert [one["fits"] for one in found["components"]] == [True, False]
    assert yaml.safe_load(BOTH)["metadata"]["name"] == found["name"]
