"""The machine of a laptop user as an inventory of one node."""

from retrieval_operator.devices import MIB
from retrieval_operator.inventory import Origin, cpu_offers, gpu_offers
from retrieval_operator.machine import MachineFiles, inventory_of, this_machine

MEMINFO = "MemTotal:       24586900 kB\nMemFree: 1 kB\n"


def only(files, cores=8):
    (node,) = inventory_of(files, cores).nodes
    return node


def test_cores_are_those_of_the_affinity_without_a_quota():
    assert only(MachineFiles(), 8).millicores == 8000
    assert only(MachineFiles(quota="max 100000"), 8).millicores == 8000


def test_a_cgroup_quota_cuts_the_cores():
    assert only(MachineFiles(quota="150000 100000\n"), 8).millicores == 1500


def test_a_cgroup_limit_cuts_the_memory():
    files = MachineFiles(meminfo=MEMINFO, memory_limit="4294967296\n")
    assert only(files).memory_bytes == 4 * 2**30


def test_no_limit_is_the_machine_memory():
    for limit in ("", "max", "9223372036854771712"):
        files = MachineFiles(meminfo=MEMINFO, memory_limit=limit)
        assert only(files).memory_bytes == 24586900 * 1024


def test_cpu_flags_become_features():
    files = MachineFiles(cpuinfo="processor: 0\nflags\t: fpu avx2 avx512f avx512_bf16\n")
    (offer,) = cpu_offers(inventory_of(files, 2).nodes)
    assert offer.features == {"avx512f", "avx512_bf16"}


def test_nvidia_smi_becomes_labels():
    files = MachineFiles(gpus="NVIDIA GeForce RTX 4090, 24564, 8.9\n")
    (offer,) = gpu_offers(inventory_of(files, 8).nodes, "nvidia.com/gpu")
    assert offer.product == "NVIDIA-GeForce-RTX-4090"
    assert offer.memory_bytes == 24564 * MIB
    assert offer.device.capability == (8, 9)


def test_of_unequal_gpus_the_smallest_stands_for_all():
    listing = "NVIDIA A100-SXM4-80GB, 81920, 8.0\nTesla T4, 15360, 7.5\n"
    (offer,) = gpu_offers(inventory_of(MachineFiles(gpus=listing), 8).nodes, "nvidia.com/gpu")
    assert (offer.product, offer.count) == ("Tesla-T4", 2)


def test_a_listing_that_is_none_is_no_gpu():
    for listing in ("", "No devices were found\n", "a, [N/A], 8.0\n"):
        nodes = inventory_of(MachineFiles(gpus=listing), 8).nodes
        assert gpu_offers(nodes, "nvidia.com/gpu") == ()


def test_this_machine_can_be_asked():
    inventory = this_machine()
    (node,) = inventory.nodes
    assert inventory.origin is Origin.MACHINE
    assert (node.millicores or 0) >= 1
    assert (node.memory_bytes or 0) > 2**28
