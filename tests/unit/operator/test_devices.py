"""The table of GPU products, slices of them, and products it lacks."""

import pytest

from retrieval_operator.devices import PRODUCTS, assumed_device, find_device


@pytest.mark.parametrize("product", sorted(PRODUCTS))
def test_every_row_is_plausible_and_sourced(product):
    device = PRODUCTS[product]
    assert device.half_tflops > device.fp32_tflops > 1
    assert device.memory_mib > 8000
    assert device.bandwidth_gb_s > 100
    assert "NVIDIA" in device.source


@pytest.mark.parametrize(
    ("product", "bf16"),
    [("Tesla-T4", False), ("Tesla-V100-SXM2-16GB", False), ("NVIDIA-A30", True)],
)
def test_bf16_and_flash_attention_start_with_ampere(product, bf16):
    assert PRODUCTS[product].has_bf16 is bf16
    assert PRODUCTS[product].has_flash_attention is bf16


@pytest.mark.parametrize(
    ("label", "memory_mib"),
    [
        ("NVIDIA-A100-SXM4-40GB-MIG-1g.5gb", 4864),
        ("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", 9728),
        ("NVIDIA-A100-SXM4-80GB-MIG-2g.20gb", 19968),
        ("NVIDIA-A100-SXM4-80GB-MIG-3g.40gb", 40192),
        ("NVIDIA-H100-80GB-HBM3-MIG-1g.10gb", 9984),
        ("NVIDIA-H200-MIG-1g.18gb", 16384),
    ],
)
def test_a_slice_has_at_most_the_memory_that_nvidia_smi_reports(label, memory_mib):
    device = find_device(label)
    assert device is not None
    assert 0.96 * memory_mib < device.memory_mib <= memory_mib


def test_a_slice_computes_at_its_share_of_the_multiprocessors():
    slice_, whole = (
        find_device("NVIDIA-A100-SXM4-80GB-MIG-3g.40gb"),
        PRODUCTS["NVIDIA-A100-SXM4-80GB"],
    )
    assert slice_ is not None
    assert slice_.half_tflops == pytest.approx(whole.half_tflops * 3 / 7)
    assert slice_.bandwidth_gb_s == pytest.approx(whole.bandwidth_gb_s / 2)
    assert slice_.capability == whole.capability


def test_a_shared_product_is_the_product():
    assert find_device("NVIDIA-L4-SHARED") == PRODUCTS["NVIDIA-L4"]


def test_an_unknown_product_is_none():
    assert find_device("NVIDIA-Q9") is None
    assert find_device("NVIDIA-Q9-MIG-1g.10gb") is None


@pytest.mark.parametrize(
    ("label", "memory_mib", "capability", "like"),
    [
        ("NVIDIA-A100-SXM-64GB", 65536, (8, 0), "NVIDIA-A100-SXM4-80GB"),
        ("NVIDIA-GeForce-RTX-3060", 12288, (8, 6), "NVIDIA-GeForce-RTX-3080"),
        ("NVIDIA-L2", 23034, (8, 9), "NVIDIA-L4"),
        ("NVIDIA-GeForce-RTX-5080", 16303, (12, 0), "NVIDIA-GeForce-RTX-5090"),
        ("NVIDIA-Thor", 125000, (11, 0), None),
    ],
)
def test_an_unlisted_product_is_rated_like_the_nearest_of_its_generation(
    label, memory_mib, capability, like
):
    device = assumed_device(label, memory_mib, capability)
    peer = PRODUCTS[like] if like else min(PRODUCTS.values(), key=lambda one: one.half_tflops)
    assert device.half_tflops == peer.half_tflops
    assert (device.product, device.memory_mib) == (label, memory_mib)
    assert device.capability == capability
    assert "not listed" in device.source


def test_a_slice_of_an_unlisted_product_computes_at_its_share():
    device = assumed_device("NVIDIA-A100X-MIG-1g.10gb", 9728, (8, 0))
    assert device.memory_mib == 9728
    assert device.half_tflops == pytest.approx(312 / 7)


@pytest.mark.parametrize(
    ("label", "share", "memory_mib"),
    [
        ("NVIDIA-A30-MIG-4g.24gb", 1, 24576),
        ("NVIDIA-A30-MIG-1g.6gb", 1 / 4, 5952),
        ("NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition-MIG-2g.48gb", 1 / 2, 48512),
        ("NVIDIA-B200-MIG-1g.23gb", 1 / 7, 20992),
        ("NVIDIA-GB200-MIG-1g.24gb", 1 / 7, 20480),
    ],
)
def test_a_slice_is_what_nvidia_cuts(label, share, memory_mib):
    device, whole = find_device(label), find_device(label.partition("-MIG-")[0])
    assert device is not None
    assert whole is not None
    assert device.half_tflops == pytest.approx(whole.half_tflops * share)
    assert 0.85 * memory_mib <= device.memory_mib <= memory_mib


def test_without_a_capability_the_oldest_is_assumed():
    device = assumed_device("amd.com/gpu", 1000, None)
    assert not device.has_flash_attention
    assert device.half_tflops == min(one.half_tflops for one in PRODUCTS.values())
