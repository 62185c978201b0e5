"""What the engine adds to the model on this CPU: `python bench/forward.py [--rounds 5]`.

Every way to compute the same texts takes its turn in every round, so noise meets all of them. It
prints CPU milliseconds a text (the lowest of the rounds, all threads of the process), its ratio to
the best raw forward pass of transformers on the same ids, and texts a second of wall time.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import cast
from unittest.mock import patch

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the supervisor starts the engine

import numpy as np
import torch
from transformers import AutoModel, PreTrainedModel

from retrieval_predictor.engine.cores import usable_cores
from retrieval_predictor.engine.device import ThreadedDevice
from retrieval_predictor.engine.scheduler.batcher import Batcher
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.model import encoder, linears
from retrieval_predictor.model.checkpoint import read_checkpoint
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.model.load import load
from retrieval_predictor.model.packing import pack
from retrieval_predictor.model.runner import TorchRunner
from retrieval_predictor.settings import Settings
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference, Run

_VOCABULARY = (1000, 30_000)
_MIXED = tuple(np.random.default_rng(1).integers(24, 240, 16).tolist())

CELLS: dict[str, tuple[int, ...]] = {
    "8-word query": (12,),
    "8 queries": (12,) * 8,
    "32 queries": (12,) * 32,
    "100-word document": (128,),
    "8 documents": (128,) * 8,
    "16 mixed, 20-200 words": _MIXED,
}


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU and wall milliseconds of one way to compute all texts of a cell."""

    cpu_ms: float
    wall_ms: float


class Quiet:
    """An observer that records nothing."""

    def job_started(self, job: Job) -> None:
        """Not recorded."""

    def batch_started(self) -> None:
        """Not recorded."""

    def batch_ended(self) -> None:
        """Not recorded."""

    def batch_done(self, batch: Batch, forward_s: float) -> None:
        """Not recorded."""

    def looked_up(self, hits: int, misses: int) -> None:
        """Not recorded."""

    def out_of_memory(self) -> None:
        """Not recorded."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        models = _models(Path(folder))
    print("cell | way | CPU ms a text | ratio to raw | texts/s")
    print("---|---|---|---|---")
    for name, lengths in CELLS.items():
        for way, got in cell(models, lengths, rounds).items():
            print(name, way, *got.values(), sep=" | ", flush=True)
    models.one_slot.stop()
    models.slot_a_core.stop()


@dataclass(frozen=True, slots=True)
class Models:
    """The same weights as transformers runs them, as they are served, and two ways besides.

    One is run by transformers' Python, not replayed; one has oneDNN's layout.
    """

    raw: PreTrainedModel
    served: TorchRunner
    by_python: TorchRunner
    prepacked: TorchRunner
    one_slot: Engine
    slot_a_core: Engine


def _models(scratch: Path) -> Models:
    served = _load(scratch)
    with patch.object(encoder, "record", return_value=None):
        by_python = _load(scratch)
    with patch.object(linears, "_pays", return_value=True):
        prepacked = _load(scratch)
    folder = read_checkpoint(fetch(Settings().model), Settings().model.uri).folder
    raw = AutoModel.from_pretrained(folder, attn_implementation="sdpa").eval()
    cores = usable_cores()
    one_slot, slot_a_core = (Engine(served, slots, cores) for slots in (1, cores))
    return Models(raw, served, by_python, prepacked, one_slot, slot_a_core)


def _load(scratch: Path) -> TorchRunner:
    return cast("TorchRunner", load(Settings(), scratch).runner)


def cell(models: Models, lengths: tuple[int, ...], rounds: int) -> dict[str, dict[str, float]]:
    """Each way's figures for texts of these lengths."""
    ways = _ways(models, _texts(lengths))
    spent: dict[str, list[Cost]] = {name: [] for name in ways}
    for compute in ways.values():
        compute()
    for _ in range(rounds):
        for name, compute in ways.items():
            spent[name].append(_cost(compute))
    best = {name: min(cost.cpu_ms for cost in costs) for name, costs in spent.items()}
    raw = min(value for name, value in best.items() if name.startswith("raw"))
    return {
        name: {
            "cpu_ms_a_text": round(best[name] / len(lengths), 3),
            "ratio": round(best[name] / raw, 3),
            "texts_per_s": round(1e3 * len(lengths) / min(cost.wall_ms for cost in costs), 1),
        }
        for name, costs in spent.items()
    }


def _ways(models: Models, batch: Batch) -> dict[str, Callable[[], object]]:
    packed, texts = pack(batch), _each(batch)
    rectangle, mask = packed.padded(packed.ids, 0), packed.real.long()
    singles = [row[:length][None] for row, length in zip(rectangle, packed.lengths, strict=True)]
    return {
        "raw, padded": lambda: _raw(models.raw, rectangle, mask),
        "raw, one by one": lambda: [_raw(models.raw, ids, None) for ids in singles],
        "forward": lambda: models.served.run(batch),
        "forward, by Python": lambda: models.by_python.run(batch),
        "forward, prepacked": lambda: models.prepacked.run(batch),
        "engine, 1 slot": lambda: models.one_slot.answer(texts),
        "engine, a slot a core": lambda: models.slot_a_core.answer(texts),
    }


@torch.inference_mode()
def _raw(model: PreTrainedModel, ids: torch.Tensor, mask: torch.Tensor | None) -> torch.Tensor:
    torch.set_num_threads(1)
    hidden: torch.Tensor = model(input_ids=ids, attention_mask=mask)[0]
    return hidden


class Engine:
    """Queue, batcher and device with so many slots, on a loop of their own that goes on."""

    def __init__(self, runner: TorchRunner, slots: int, cores: int) -> None:
        self._loop = asyncio.new_event_loop()
        device = ThreadedDevice(runner, slots, cores, divides=True)
        queue = Queue(Limits(max_batch_tokens=4096, max_batch_size=256), 10**9)
        self._batcher = Batcher(queue, device, Quiet(), time.monotonic)
        self._serving = self._loop.create_task(self._batcher.run())

    def stop(self) -> None:
        """End the loop."""
        self._serving.cancel()
        self._loop.run_until_complete(asyncio.gather(self._serving, return_exceptions=True))
        self._loop.close()

    def answer(self, texts: list[Encoded]) -> None:
        """Each text as a request of its own, all at once."""
        self._loop.run_until_complete(self._answer(texts))

    async def _answer(self, texts: list[Encoded]) -> None:
        now_s = time.monotonic()
        jobs = [Job(Run(text), now_s, self._loop.create_future()) for text in texts]
        for job in jobs:
            self._batcher.submit(job)
        await asyncio.gather(*(job.answer for job in jobs))


def _each(batch: Batch) -> list[Encoded]:
    encoded = batch.parts[0].encoded
    texts = np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1])
    return [_encoded(ids, (len(ids),)) for ids in texts]


def _texts(lengths: tuple[int, ...]) -> Batch:
    ids = np.random.default_rng(0).integers(*_VOCABULARY, sum(lengths), dtype=np.int32)
    return Batch((Part(_encoded(ids, lengths), 0, Reference()),))


def _encoded(ids: np.ndarray, lengths: tuple[int, ...]) -> Encoded:
    sizes = np.array(lengths, dtype=np.int32)
    return Encoded(ids, sizes, sizes)


def _cost(compute: Callable[[], object]) -> Cost:
    cpu_s, wall_s = time.process_time(), time.perf_counter()
    compute()
    return Cost(1e3 * (time.process_time() - cpu_s), 1e3 * (time.perf_counter() - wall_s))


if __name__ == "__main__":
    main()
