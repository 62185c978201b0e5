"""A Node of each kind says on the API server what its shape says."""

import pytest

from retrieval_operator.inventory import Sharing, cpu_offers, gpu_offers, nodes_of
from tests.cluster.api import NODE
from tests.cluster.lab import Lab
from tests.cluster.nodes import (
    GPU,
    SHAPES,
    Shape,
    cpu,
    mig_mixed,
    mig_single,
    mps,
    time_sliced,
    unlabelled,
    whole,
)

MIB = 2**20
CASES = {
    "two whole GPUs": (whole("NVIDIA-L4", 2), GPU, 2, 23034, Sharing.NONE),
    "equal slices": (mig_single(), GPU, 7, 9728, Sharing.NONE),
    "small slices": (mig_mixed(), "nvidia.com/mig-1g.10gb", 4, 9728, Sharing.NONE),
    "a large slice": (mig_mixed(), "nvidia.com/mig-3g.40gb", 1, 40192, Sharing.NONE),
    "time-slicing": (time_sliced(), GPU, 4, 23034 / 4, Sharing.TIME_SLICING),
    "renamed shares": (time_sliced(renamed=True), f"{GPU}.shared", 4, 5758.5, Sharing.TIME_SLICING),
    "MPS": (mps("NVIDIA-A10"), GPU, 4, 5757, Sharing.MPS),
    "no labels": (unlabelled(2), GPU, 2, None, Sharing.NONE),
}


@pytest.mark.parametrize("case", CASES)
def test_its_gpus_are_offered(lab: Lab, nodes, case):
    shape, resource, count, memory_mib, sharing = CASES[case]
    (name,) = nodes(shape)
    (offer,) = gpu_offers(nodes_of(lab.api.get(NODE, name)), resource)
    memory_bytes = None if memory_mib is None else int(memory_mib * MIB)
    assert (offer.count, offer.memory_bytes, offer.sharing) == (count, memory_bytes, sharing)


def test_a_cpu_node_tells_its_features(lab: Lab, nodes):
    (name,) = nodes(cpu(cores=8, features=("AVX512BF16",)))
    found = nodes_of(lab.api.get(NODE, name))
    (offer,) = cpu_offers(found)
    assert (offer.millicores, offer.features) == (7200, frozenset({"avx512_bf16"}))
    assert gpu_offers(found, GPU) == ()


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_its_amounts_are_those_of_the_shape(lab: Lab, nodes, shape: Shape):
    (name,) = nodes(shape)
    allocatable = lab.api.get(NODE, name)["status"]["allocatable"]
    devices = {key: int(amount) for key, amount in allocatable.items() if "nvidia" in key}
    assert devices == shape.devices
