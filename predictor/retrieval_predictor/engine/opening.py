"""Open the model: as a graph where that serves it best on this CPU, else with PyTorch."""

from __future__ import annotations

import asyncio
import contextlib
import shutil
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import structlog

from retrieval_predictor.errors import PreparationRefused
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.runners.identity import identity_of
from retrieval_predictor.runners.prepared import REFUSAL, Prepared, read
from retrieval_predictor.runners.runner import Runner
from retrieval_predictor.settings import Settings
from retrieval_predictor.wire.card import ModelCard

log = structlog.get_logger(__name__)

_PREPARE = "retrieval_predictor.model.prepare"


@dataclass(frozen=True, slots=True)
class Opened:
    """A model ready to run, and what the API workers need to know about it."""

    runner: Runner
    card: ModelCard


@dataclass(frozen=True, slots=True)
class Folders:
    """Where files go: `scratch` takes the tokenizer's, `graphs` what is as large as a model.

    Both outlive the engine, so one that is started again finds what an earlier one left.
    """

    scratch: Path
    graphs: Path


async def open_model(settings: Settings, folders: Folders, cores: int) -> Opened:
    """The model on its device.

    On a CPU a process of its own finds out what computes it best, once; PyTorch is imported here
    only where that is PyTorch.

    Raises:
        StartupError: The model cannot be served as configured.
    """
    if settings.gpu.count:
        return await asyncio.to_thread(_with_torch, settings, folders.scratch, cores)
    checkpoint = await asyncio.to_thread(fetch, settings.model)
    folder = folders.graphs / identity_of(settings, checkpoint, cores)
    prepared = read(folder) or await _prepare(folder, folders.scratch, cores)
    log.info("runner", graph=prepared.is_graph, reason=prepared.reason)
    if prepared.is_graph and prepared.card is not None:
        special = prepared.special_tokens
        return await asyncio.to_thread(_graph, folder, prepared.card, special, cores)
    return await asyncio.to_thread(_with_torch, settings, folders.scratch, cores)


async def _prepare(folder: Path, scratch: Path, cores: int) -> Prepared:
    """Have the model prepared in a folder of its own, which gets its name when it is whole."""
    folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished-", dir=folder.parent))
    arguments = ("-m", _PREPARE, str(unfinished), str(scratch), str(cores))
    child = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    try:
        status = await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
    try:
        return _finished(unfinished, folder, status)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def _finished(unfinished: Path, folder: Path, status: int) -> Prepared:
    if (refusal := unfinished / REFUSAL).is_file():
        raise PreparationRefused(refusal.read_text(encoding="utf-8"))
    prepared = read(unfinished)
    if prepared is None:
        log.warning("preparation_failed", status=status)
        return Prepared(None, is_graph=False, reason=f"preparing it ended with status {status}")
    with contextlib.suppress(OSError):  # another engine was first
        unfinished.rename(folder)
    return prepared


def _graph(folder: Path, card: ModelCard, special: tuple[int, int] | None, cores: int) -> Opened:
    from retrieval_predictor.runners.opening import open_graph  # noqa: PLC0415  (OpenVINO: 20 MiB)

    return Opened(open_graph(folder, card, special, cores), card)


def _with_torch(settings: Settings, scratch: Path, cores: int) -> Opened:
    import torch  # noqa: PLC0415  (half a gigabyte that a graph does not need)

    from retrieval_predictor.model.load import load  # noqa: PLC0415

    torch.set_num_threads(cores)
    loaded = load(settings, scratch)
    return Opened(loaded.runner, loaded.card)
