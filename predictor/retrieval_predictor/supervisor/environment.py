"""The environment of each process that the supervisor starts. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from retrieval_predictor.settings import ModelSource, Settings

_ALLOCATOR = ("PYTORCH_ALLOC_CONF", "PYTORCH_CUDA_ALLOC_CONF", "PYTORCH_HIP_ALLOC_CONF")
_UUIDS = ("MIG-", "GPU-")


def is_remote(source: ModelSource) -> bool:
    """Whether what a model's address stands for can change."""
    return source.path is None and source.uri.startswith("hf://")


def engine_environment(
    settings: Settings, environment: Mapping[str, str], number: int
) -> dict[str, str]:
    """What engine `number` gets: one GPU of several, and an allocator for batches of any size.

    Batches differ in size, and segments that grow leave no gaps between them (PyTorch's notes on
    CUDA semantics, "Optimizing memory usage"). Whoever set the allocator up is left alone.
    """
    made = dict(environment)
    if not settings.gpu.count:
        return made
    if not any(name in environment for name in _ALLOCATOR):
        made["PYTORCH_ALLOC_CONF"] = "expandable_segments:True"
    if settings.gpu.count > 1:
        made["CUDA_VISIBLE_DEVICES"] = device_of(number, visible_devices(environment))
    return made


def visible_devices(environment: Mapping[str, str]) -> str:
    """The devices of this pod as CUDA takes them; empty means all, by index.

    A process sees one MIG device, so several are told apart by UUID alone, and those are in the
    container runtime's variable (NVIDIA Multi-Instance GPU User Guide, "CUDA Device Enumeration").
    """
    told = environment.get("CUDA_VISIBLE_DEVICES", "")
    mounted = environment.get("NVIDIA_VISIBLE_DEVICES", "")
    named = all(one.strip().startswith(_UUIDS) for one in mounted.split(","))
    return told if told or not named else mounted


def device_of(engine: int, visible: str) -> str:
    """The one GPU that an engine may see: the one of its number among those that are visible.

    `visible` is CUDA_VISIBLE_DEVICES, indices or UUIDs (CUDA C++ Programming Guide, "CUDA
    Environment Variables"); empty means all, by index. An engine that is left over sees none.
    """
    devices = [one.strip() for one in visible.split(",") if one.strip()]
    if not devices:
        return str(engine)
    return devices[engine] if engine < len(devices) else "none"
