"""GPU products by the name that GPU Feature Discovery writes on nodes (`nvidia.com/gpu.product`).

Rates are dense, without structured sparsity; half precision is on tensor cores with float32
accumulation, which is what a GEMM of a transformer runs at. Memory is what nvidia-smi reports in
MiB, and what the label `nvidia.com/gpu.memory` says. Every row names the vendor document its
figures are from; figures that it gives with sparsity are halved.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from math import floor, log
from typing import Final

MIB: Final = 2**20
Capability = tuple[int, int]

BF16_SINCE: Final[Capability] = (8, 0)
"""First compute capability with bfloat16 tensor cores and with flash attention.

Source: NVIDIA CUDA C++ Programming Guide, "Arithmetic instructions"; flash-attention 2 README.
"""
NOT_LISTED: Final = "product not listed"
OLDEST: Final[Capability] = (7, 5)
"""First compute capability that the predictor's PyTorch has kernels for; older is not planned for.

Source: `torch.cuda.get_arch_list()` of the wheels for CUDA 13; a contract test compares them.
"""


@dataclass(frozen=True, slots=True)
class Device:
    """What one GPU, or one slice of a GPU, can do.

    Units: `half_tflops` and `fp32_tflops` are 10¹² operations a second, `bandwidth_gb_s` is 10⁹
    bytes a second. `source` says where the rates are from.
    """

    product: str
    memory_mib: int
    half_tflops: float
    fp32_tflops: float
    bandwidth_gb_s: float
    capability: Capability
    source: str

    @property
    def memory_bytes(self) -> int:
        """Memory as nvidia-smi reports it."""
        return self.memory_mib * MIB

    @property
    def has_bf16(self) -> bool:
        """Whether bfloat16 runs on tensor cores."""
        return self.capability >= BF16_SINCE

    @property
    def has_flash_attention(self) -> bool:
        """Whether attention over packed texts runs without L × L scores in memory."""
        return self.capability >= BF16_SINCE


_ROWS: Final = (
    Device("Tesla-T4", 15360, 65, 8.1, 320, (7, 5), "NVIDIA T4 datasheet"),
    Device("Tesla-V100-SXM2-16GB", 16384, 125, 15.7, 900, (7, 0), "NVIDIA V100 datasheet"),
    Device("Tesla-V100-SXM2-32GB", 32768, 125, 15.7, 900, (7, 0), "NVIDIA V100 datasheet"),
    Device("Tesla-V100-PCIE-16GB", 16384, 112, 14.0, 900, (7, 0), "NVIDIA V100 datasheet"),
    Device("Tesla-V100-PCIE-32GB", 32768, 112, 14.0, 900, (7, 0), "NVIDIA V100 datasheet"),
    Device("NVIDIA-A2", 15356, 18, 4.5, 200, (8, 6), "NVIDIA A2 datasheet"),
    Device("NVIDIA-A16", 15356, 17.9, 4.5, 200, (8, 6), "NVIDIA A16 datasheet, one of its four"),
    Device("NVIDIA-A10", 23028, 125, 31.2, 600, (8, 6), "NVIDIA A10 datasheet"),
    Device("NVIDIA-A10G", 23028, 70, 31.5, 600, (8, 6), "NVIDIA A10G datasheet"),
    Device("NVIDIA-A30", 24576, 165, 10.3, 933, (8, 0), "NVIDIA A30 datasheet"),
    Device("NVIDIA-A40", 46068, 149.7, 37.4, 696, (8, 6), "NVIDIA A40 datasheet"),
    Device("NVIDIA-A100-SXM4-40GB", 40960, 312, 19.5, 1555, (8, 0), "NVIDIA A100 datasheet"),
    Device("NVIDIA-A100-SXM4-80GB", 81920, 312, 19.5, 2039, (8, 0), "NVIDIA A100 datasheet"),
    Device("NVIDIA-A100-PCIE-40GB", 40960, 312, 19.5, 1555, (8, 0), "NVIDIA A100 datasheet"),
    Device("NVIDIA-A100-80GB-PCIe", 81920, 312, 19.5, 1935, (8, 0), "NVIDIA A100 datasheet"),
    Device("NVIDIA-A800-SXM4-80GB", 81920, 312, 19.5, 2039, (8, 0), "NVIDIA A800 datasheet"),
    Device("NVIDIA-A800-80GB-PCIe", 81920, 312, 19.5, 1935, (8, 0), "NVIDIA A800 datasheet"),
    Device("NVIDIA-A800-40GB-Active", 40960, 312, 19.5, 1555, (8, 0), "NVIDIA A800 40GB datasheet"),
    Device("NVIDIA-H20", 97871, 148, 44.0, 4000, (9, 0), "NVIDIA H20 product brief"),
    Device("NVIDIA-H20-3e", 143771, 148, 44.0, 4800, (9, 0), "NVIDIA H20-3e product brief"),
    Device("NVIDIA-H800", 81559, 989.4, 66.9, 3352, (9, 0), "NVIDIA H800 datasheet"),
    Device("NVIDIA-H800-PCIe", 81559, 756, 51.0, 2039, (9, 0), "NVIDIA H800 datasheet"),
    Device("NVIDIA-H100-80GB-HBM3", 81559, 989.4, 66.9, 3352, (9, 0), "NVIDIA H100 datasheet"),
    Device("NVIDIA-H100-PCIe", 81559, 756, 51.0, 2039, (9, 0), "NVIDIA H100 datasheet"),
    Device("NVIDIA-H100-NVL", 95830, 835, 60.0, 3938, (9, 0), "NVIDIA H100 NVL datasheet"),
    Device("NVIDIA-GH200-480GB", 97871, 989.4, 66.9, 4000, (9, 0), "NVIDIA GH200 datasheet"),
    Device("NVIDIA-H200", 143771, 989.4, 66.9, 4800, (9, 0), "NVIDIA H200 datasheet"),
    Device("NVIDIA-H200-NVL", 143771, 835, 60.0, 4800, (9, 0), "NVIDIA H200 NVL datasheet"),
    Device("NVIDIA-B200", 183359, 2250, 75.0, 7700, (10, 0), "NVIDIA HGX B200 datasheet"),
    Device("NVIDIA-GB200", 189471, 2500, 80.0, 8000, (10, 0), "NVIDIA GB200 NVL72 datasheet"),
    Device("NVIDIA-B300-SXM6-AC", 275040, 2250, 75.0, 8000, (10, 3), "NVIDIA HGX B300 datasheet"),
    Device("NVIDIA-GB300", 284208, 2500, 80.0, 8000, (10, 3), "NVIDIA GB300 NVL72 datasheet"),
    Device("NVIDIA-L20", 46068, 119.5, 59.8, 864, (8, 9), "NVIDIA L20 product brief"),
    Device("NVIDIA-L4", 23034, 121, 30.3, 300, (8, 9), "NVIDIA L4 datasheet"),
    Device("NVIDIA-L40", 46068, 181, 90.5, 864, (8, 9), "NVIDIA L40 datasheet"),
    Device("NVIDIA-L40S", 46068, 362, 91.6, 864, (8, 9), "NVIDIA L40S datasheet"),
    Device("NVIDIA-GeForce-RTX-3080", 10240, 59.5, 29.8, 760, (8, 6), "NVIDIA GA102 whitepaper"),
    Device("NVIDIA-GeForce-RTX-3090", 24576, 71, 35.6, 936, (8, 6), "NVIDIA GA102 whitepaper"),
    Device("NVIDIA-GeForce-RTX-4080", 16376, 97.5, 48.7, 717, (8, 9), "NVIDIA Ada whitepaper"),
    Device("NVIDIA-GeForce-RTX-4090", 24564, 165.2, 82.6, 1008, (8, 9), "NVIDIA Ada whitepaper"),
    Device("NVIDIA-GeForce-RTX-4090-D", 24564, 147, 73.5, 1008, (8, 9), "NVIDIA Ada whitepaper"),
    Device(
        "NVIDIA-GeForce-RTX-5090", 32607, 209.5, 104.8, 1792, (12, 0),
        "NVIDIA RTX Blackwell whitepaper",
    ),
    Device("NVIDIA-RTX-A4000", 16376, 76.7, 19.2, 448, (8, 6), "NVIDIA RTX A4000 datasheet"),
    Device("NVIDIA-RTX-A5000", 24564, 111.1, 27.8, 768, (8, 6), "NVIDIA RTX A5000 datasheet"),
    Device("NVIDIA-RTX-A6000", 49140, 154.8, 38.7, 768, (8, 6), "NVIDIA RTX A6000 datasheet"),
    Device(
        "NVIDIA-RTX-6000-Ada-Generation", 49140, 364.2, 91.1, 960, (8, 9),
        "NVIDIA RTX 6000 Ada datasheet",
    ),
    Device(
        "NVIDIA-RTX-PRO-6000-Blackwell-Workstation-Edition", 97887, 503.8, 126.0, 1792, (12, 0),
        "NVIDIA RTX Blackwell PRO whitepaper",
    ),
    Device(
        "NVIDIA-RTX-PRO-6000-Blackwell-Max-Q-Workstation-Edition", 97887, 438.9, 109.7, 1792,
        (12, 0), "NVIDIA RTX Blackwell PRO whitepaper",
    ),
    Device(
        "NVIDIA-RTX-PRO-6000-Blackwell-Server-Edition", 97887, 480, 120.0, 1597, (12, 0),
        "NVIDIA RTX PRO 6000 Blackwell Server Edition datasheet",
    ),
)  # fmt: skip

PRODUCTS: Final = {device.product: device for device in _ROWS}
"""Whole GPUs by product label."""

_MIG = re.compile(r"(?P<parent>.+)-MIG-(?P<compute>[1-7])g\.(?P<memory>[0-9]+)gb(?:\.[a-z.]+)?")
_MEMORY_SLICES: Final = 8
_COMPUTE_SLICES: Final = 7
_QUARTERED: Final = ("NVIDIA-A30", "NVIDIA-RTX-PRO-6000-Blackwell")
"""Products whose smallest slice is a quarter of everything: 1g.6gb of an A30, 1g.24gb of an RTX PRO
6000. Source: NVIDIA MIG user guide, "Supported MIG profiles"."""
_SLICE_SHARE: Final = 0.95
_SLICE_SHARES: Final = {
    "NVIDIA-H200": 0.91,
    "NVIDIA-H200-NVL": 0.91,
    "NVIDIA-B200": 0.91,
    "NVIDIA-GB200": 0.86,
    "NVIDIA-B300-SXM6-AC": 0.86,
    "NVIDIA-GB300": 0.86,
}
"""Part of an eighth of the memory that a slice really has: 9.5 of 10 GiB on an A100-SXM4-80GB, 9.75
of 9.96 on an H100, 16 of 17.55 on an H200, 20.5 of 22.4 on a B200, 20 of 23.1 on a GB200 (and taken
for the larger Blackwells). Source: `nvidia-smi mig -lgip`."""


def find_device(label: str) -> Device | None:
    """The device of a product label, whole or MIG slice, or None for an unknown product."""
    plain = label.removesuffix("-SHARED")
    slice_of = _MIG.fullmatch(plain)
    if slice_of is None:
        return PRODUCTS.get(plain)
    whole = PRODUCTS.get(slice_of["parent"])
    if whole is None:
        return None
    return _slice(whole, plain, int(slice_of["compute"]), int(slice_of["memory"]))


def _slice(whole: Device, label: str, compute: int, memory_gb: int) -> Device:
    """A slice has its part of the multiprocessors and of the memory, and no more."""
    is_quartered = whole.product.startswith(_QUARTERED)
    computes, memories = (4, 4) if is_quartered else (_COMPUTE_SLICES, _MEMORY_SLICES)
    smallest_gb = whole.memory_mib / 1000 / memories
    memory = min(memories, max(1, round(memory_gb / smallest_gb))) / memories
    share = min(1.0, compute / computes)
    return replace(
        whole,
        product=label,
        memory_mib=floor(
            whole.memory_mib * memory * _SLICE_SHARES.get(whole.product, _SLICE_SHARE)
        ),
        half_tflops=whole.half_tflops * share,
        fp32_tflops=whole.fp32_tflops * share,
        bandwidth_gb_s=whole.bandwidth_gb_s * memory,
        source=f"{whole.source}, {compute} of {computes} compute and {memory * memories:g} of "
        f"{memories} memory slices",
    )


def assumed_device(label: str, memory_mib: int, capability: Capability | None) -> Device:
    """A product that the table lacks, at the rates of the listed one that it most resembles.

    Of its own compute capability, or else of its generation, the one nearest in memory; the slower
    of two that are. Without a known capability it gets the lowest rates of all and the oldest
    capability. A true rate that differs is measured when the model is warmed up.
    """
    part = _MIG.fullmatch(label)
    if part is not None and capability is not None:
        whole = assumed_device(part["parent"], _whole_mib(part, memory_mib), capability)
        sliced = _slice(whole, label, int(part["compute"]), int(part["memory"]))
        return replace(sliced, memory_mib=memory_mib or sliced.memory_mib)
    peers = _peers(capability)
    if capability is None or not peers:
        return _slowest_of_all(label, memory_mib, capability)
    nearest = min(peers, key=lambda peer: (_distance(peer, memory_mib), peer.half_tflops))
    return replace(
        nearest,
        product=label,
        memory_mib=memory_mib,
        capability=capability,
        source=f"{NOT_LISTED}, taken for {nearest.product}: the listed one of compute capability "
        f"{nearest.capability[0]}.{nearest.capability[1]} nearest in memory",
    )


def _peers(capability: Capability | None) -> list[Device]:
    """Listed products of exactly this capability, or else of its generation."""
    if capability is None:
        return []
    same = [device for device in _ROWS if device.capability == capability]
    return same or [device for device in _ROWS if device.capability[0] == capability[0]]


def _distance(peer: Device, memory_mib: int) -> float:
    """How many times the memory differs; nothing where nobody says how much there is."""
    return abs(log(peer.memory_mib / memory_mib)) if memory_mib else 0.0


def _whole_mib(part: re.Match[str], slice_mib: int) -> int:
    """Memory of the device that a slice is cut from: as many times its own as it has sevenths."""
    own_mib = slice_mib or int(part["memory"]) * 1000
    return own_mib * _COMPUTE_SLICES // int(part["compute"])


def _slowest_of_all(label: str, memory_mib: int, capability: Capability | None) -> Device:
    return Device(
        product=label,
        memory_mib=memory_mib,
        half_tflops=min(device.half_tflops for device in _ROWS),
        fp32_tflops=min(device.fp32_tflops for device in _ROWS),
        bandwidth_gb_s=min(device.bandwidth_gb_s for device in _ROWS),
        capability=capability or OLDEST,
        source=f"{NOT_LISTED}, taken for the slowest listed of any product",
    )
