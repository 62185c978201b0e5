"""Choose the number format that a device computes a model best in."""

from __future__ import annotations

from pathlib import Path

import torch

from retrieval_predictor.errors import ImpossibleSettings
from retrieval_predictor.settings import Precision

_DTYPES = {
    Precision.FP32: torch.float32,
    Precision.FP16: torch.float16,
    Precision.BF16: torch.bfloat16,
}
_CPUINFO = Path("/proc/cpuinfo")


def resolve(
    asked: Precision, device: torch.device, checkpoint_dtype: torch.dtype | None
) -> torch.dtype:
    """The dtype to load weights in.

    On a GPU fp16, or bf16 where the checkpoint was trained in it and the GPU has it (compute
    capability 8.0); on a CPU bf16 where it has instructions for it, else fp32.

    Raises:
        ImpossibleSettings: fp16 was asked of a CPU.
    """
    if asked is not Precision.AUTO:
        if asked is Precision.FP16 and device.type == "cpu":
            raise ImpossibleSettings("precision fp16 needs a GPU; on a CPU use fp32 or bf16")
        return _DTYPES[asked]
    if device.type == "cpu":
        return torch.bfloat16 if cpu_has_bf16(_CPUINFO) else torch.float32
    wants_bf16 = checkpoint_dtype is torch.bfloat16
    return torch.bfloat16 if wants_bf16 and has_bf16(device) else torch.float16


def has_bf16(device: torch.device) -> bool:
    """Whether bf16 can be computed in at all; a CPU always can, if slowly."""
    return device.type == "cpu" or torch.cuda.get_device_capability(device) >= (8, 0)


def name_of(dtype: torch.dtype) -> str:
    """The precision that weights of this dtype have, as settings spell it."""
    return next(name.value for name, one in _DTYPES.items() if one is dtype)


def dtype_of(precision: str) -> torch.dtype:
    """The dtype of a precision, as settings spell it."""
    return _DTYPES[Precision(precision)]


def cpu_has_bf16(cpuinfo: Path) -> bool:
    """Whether a Linux cpuinfo file lists bf16 matrix instructions (AVX512-BF16 or AMX)."""
    if not cpuinfo.is_file():
        return False
    flags = set(cpuinfo.read_text(encoding="utf-8").split())
    return not flags.isdisjoint({"avx512_bf16", "amx_bf16"})
