"""What a prepared model depends on, as a name: with the same name it need not be prepared again."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Iterator, Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from retrieval_predictor.settings import Settings

_SETTINGS = {
    "component",
    "model",
    "precision",
    "max_input_tokens",
    "accept_token_ids",
    "prompts",
    "instruction",
    "scoring",
}
_LIBRARIES = ("openvino", "torch", "transformers", "sentence-transformers", "retrieval-service")
_VARIABLES = ("ONEDNN_MAX_CPU_ISA", "ATEN_CPU_CAPABILITY", "DNNL_MAX_CPU_ISA")
_CPUINFO = Path("/proc/cpuinfo")


def identity_of(
    settings: Settings,
    checkpoint: Path,
    cores: int,
    environment: Mapping[str, str] = os.environ,
    cpuinfo: Path = _CPUINFO,
) -> str:
    """A name for a checkpoint's files, how they are used, by which libraries and on which CPU."""
    facts: dict[str, Any] = {
        "settings": settings.model_dump(mode="json", include=_SETTINGS),
        "files": list(_files(checkpoint)),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "variables": {name: environment.get(name) for name in _VARIABLES},
        "cpu": [platform.machine(), cores, _features(cpuinfo)],
    }
    told = json.dumps(facts, sort_keys=True).encode()
    return hashlib.sha256(told).hexdigest()[:24]


def _files(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Each file's name, bytes and time of change."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            status = path.stat()
            yield str(path.relative_to(folder)), status.st_size, status.st_mtime_ns


def _features(cpuinfo: Path) -> list[str]:
    """What the first core can do, by Linux; empty elsewhere."""
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.is_file() else []
    told = (line for line in lines if line.startswith(("flags", "Features")))
    return sorted(next(told, "").partition(":")[2].split())
