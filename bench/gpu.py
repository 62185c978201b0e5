"""What the engine does on a GPU: `python bench/gpu.py`, prints one JSON object.

The model has the shape of bge-large (24 layers of 1024) and random weights, so nothing is
downloaded; speed does not depend on what weights are. It goes the way requests go: queue, batcher,
two batches in line on the device. Beside each figure stands the one with a single batch in line.
`--cpu --quick` tries the script out.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import numpy as np
import torch
from tokenizers import Tokenizer
from tokenizers.models import WordPiece
from transformers import BertConfig, BertModel

from retrieval_predictor.engine.device import ThreadedDevice
from retrieval_predictor.engine.scheduler.batcher import Batcher
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.policy import Limits
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.model import load as loading
from retrieval_predictor.model.load import load
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.pooling import MODES, pool
from retrieval_predictor.runners.runner import Runner
from retrieval_predictor.settings import Gpu, ModelSource, Precision, Settings
from retrieval_predictor.telemetry.memory import device_memory
from retrieval_predictor.wire.ragged import joined
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference, Run

_VOCABULARY = 30_522
_DOCUMENT_TOKENS = 512
_QUERY_TOKENS = 12
_MIXED_TOKENS = (24, 240)


@dataclass(frozen=True, slots=True)
class Load:
    """Requests that are all there at once: `count` texts of `least` to `most` tokens."""

    count: int
    least: int
    most: int

    def texts(self) -> list[Encoded]:
        """One request a text."""
        generator = np.random.default_rng(0)
        sizes = generator.integers(self.least, self.most + 1, self.count)
        return [_text(generator, int(size)) for size in sizes]


SMALL = {
    "lone_query": Load(1, _QUERY_TOKENS, _QUERY_TOKENS),
    "queries_8": Load(8, _QUERY_TOKENS - 4, _QUERY_TOKENS + 4),
    "document_512": Load(1, _DOCUMENT_TOKENS, _DOCUMENT_TOKENS),
}


@dataclass(frozen=True, slots=True)
class _Size:
    """Layers of the model, and numbers in a token's vector."""

    layers: int
    hidden: int


class Quiet:
    """An observer that counts batches."""

    def __init__(self) -> None:
        self.batches = 0

    def job_started(self, job: Job) -> None:
        """Not counted."""

    def batch_started(self) -> None:
        """Not counted."""

    def batch_ended(self) -> None:
        """Not counted."""

    def batch_done(self, batch: Batch, forward_s: float) -> None:  # noqa: ARG002
        """One more."""
        self.batches += 1

    def looked_up(self, hits: int, misses: int) -> None:
        """Not counted."""

    def out_of_memory(self) -> None:
        """Not counted."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--precision", default="fp16", choices=["fp16", "bf16", "fp32"])
    parser.add_argument("--max-batch-tokens", type=int, default=32_768)
    parser.add_argument("--layers", type=int, default=24)
    parser.add_argument("--cpu", action="store_true", help="without a GPU, in fp32")
    parser.add_argument(
        "--quick", action="store_true", help="a tiny model and few texts: does the script work?"
    )
    arguments = parser.parse_args()
    size = _Size(2, 128) if arguments.quick else _Size(arguments.layers, 1024)
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            model=ModelSource(uri=f"file://{_checkpoint(Path(folder), size)}"),
            precision=Precision.FP32 if arguments.cpu else Precision(arguments.precision),
            gpu=Gpu(count=0 if arguments.cpu else 1),
        )
        loaded = load(settings, Path(folder))
        with patch.object(loading, "for_gpu", lambda encoder, *_: encoder):
            eager = load(settings, Path(folder)).runner
    scale = 1024 if arguments.quick else 1
    results = {
        "device": loaded.card.device,
        "precision": loaded.card.precision,
        "encoder": loaded.card.encoder,
        "torch": torch.__version__,
        "max_batch_tokens": arguments.max_batch_tokens,
        "lone_query_ms": _lone_query(loaded.runner),
        "shapes_ms": _shapes(loaded.runner, 20 if arguments.quick else 200),
        "pooling_ms": _pooling(loaded.card.device, 4096 if arguments.quick else 32_768),
        "replayed_tokens": loaded.card.replayed_tokens,
        "small_batches": {
            name: _both(eager, loaded.runner, texts) for name, texts in SMALL.items()
        },
        **{
            name: {
                slots: _throughput(loaded.runner, load_, arguments.max_batch_tokens, slots)
                for slots in (1, 2)
            }
            for name, load_ in {
                "documents_512": Load(2048 // scale, _DOCUMENT_TOKENS, _DOCUMENT_TOKENS),
                "queries_12": Load(32_768 // scale, _QUERY_TOKENS, _QUERY_TOKENS),
                "mixed_20_200_words": Load(8192 // scale, *_MIXED_TOKENS),
            }.items()
        },
        "memory_bytes": _memory(),
    }
    print(json.dumps(results, indent=1))


def _checkpoint(folder: Path, size: _Size) -> Path:
    """bge-large's shape at 24 layers of 1024 (config.json of BAAI/bge-large-en-v1.5)."""
    config = BertConfig(
        vocab_size=_VOCABULARY,
        hidden_size=size.hidden,
        num_hidden_layers=size.layers,
        num_attention_heads=size.hidden // 64,
        intermediate_size=4 * size.hidden,
    )
    BertModel(config).save_pretrained(folder)
    words = {f"w{number}": number for number in range(_VOCABULARY - 1)} | {"[UNK]": _VOCABULARY - 1}
    Tokenizer(WordPiece(words, unk_token="[UNK]")).save(str(folder / "tokenizer.json"))  # noqa: S106
    return folder


def _lone_query(runner: Runner) -> dict[str, float]:
    """Milliseconds from packing to rows on the host for one short text."""
    text = Load(1, _QUERY_TOKENS, _QUERY_TOKENS).texts()[0]
    batch = Batch((_job(text).take(1, 0.0),))
    spent_ms = [_milliseconds(runner, batch) for _ in range(60)]
    kept = sorted(spent_ms[10:])
    return {"p50": round(statistics.median(kept), 3), "least": round(kept[0], 3)}


def _both(eager: Runner, served: Runner, texts: Load) -> dict[str, float]:
    """Milliseconds from packing to rows on the host, as medians, and how the rows agree."""
    batch = Batch(tuple(Part(text, 0, Reference()) for text in texts.texts()))
    ways = {"eager": eager, "served": served}
    spent_ms: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(60):
        for name, runner in ways.items():
            started_s = time.perf_counter()
            runner.run(batch)
            spent_ms[name].append(1e3 * (time.perf_counter() - started_s))
    one, other = (joined(runner.run(batch)) for runner in ways.values())
    norms = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return {
        **{f"{name}_ms": round(statistics.median(ms[10:]), 3) for name, ms in spent_ms.items()},
        "least_cosine": round(float(((one * other).sum(axis=1) / norms).min()), 6),
    }


def _shapes(runner: Runner, count: int) -> dict[str, float]:
    """Milliseconds of batches of which no two are alike, the first time and the second.

    A server's batches hardly ever repeat, so whatever is planned, compiled or allocated for a shape
    is paid by each of them: both should be the same, and the memory that is held should not grow.
    """
    generator = np.random.default_rng(2)
    batches = []
    for _ in range(count):
        sizes = generator.integers(4, _DOCUMENT_TOKENS, int(generator.integers(1, 12)))
        jobs = [_job(_text(generator, int(size))) for size in sizes]
        batches.append(Batch(tuple(job.take(1, 0.0) for job in jobs)))
    before = _memory()
    first, second = ([_milliseconds(runner, batch) for batch in batches] for _ in range(2))
    after = _memory()
    grown_bytes = after["device_used"] - before["device_used"] if after and before else 0
    return {
        "new_p50": round(statistics.median(first), 3),
        "known_p50": round(statistics.median(second), 3),
        "new_most": round(max(first[1:]), 3),
        "grown_bytes": grown_bytes,
    }


def _pooling(device: str, tokens: int) -> dict[str, float]:
    """Milliseconds to pool four long documents by each mode: 1024 numbers a token, fp16."""
    where = torch.device("cpu" if device == "cpu" else "cuda")
    length = np.array([tokens // 4], dtype=np.int32)
    texts = [Encoded(np.zeros(tokens // 4, dtype=np.int32), length, length) for _ in range(4)]
    packed = pack(Batch(tuple(_job(text).take(1, 0.0) for text in texts))).to(where)
    hidden = torch.randn(tokens, 1024, device=where).half()
    return {mode: _pooled_ms(hidden, packed, mode) for mode in MODES}


def _pooled_ms(hidden: torch.Tensor, packed: Packed, mode: str) -> float:
    spent_ms = []
    for _ in range(10):
        started_s = time.perf_counter()
        pool(hidden, packed, (mode,)).sum().item()
        spent_ms.append(1e3 * (time.perf_counter() - started_s))
    return round(statistics.median(spent_ms), 3)


def _job(text: Encoded) -> Job:
    return Job(Run(text), 0.0, asyncio.Future(loop=asyncio.new_event_loop()))


def _milliseconds(runner: Runner, batch: Batch) -> float:
    started_s = time.perf_counter()
    runner.run(batch)
    return 1e3 * (time.perf_counter() - started_s)


def _throughput(runner: Runner, load_: Load, max_batch_tokens: int, slots: int) -> dict[str, float]:
    """The best of three passes over the load, after one that is not counted.

    `cores` are the CPU's that the process kept busy: launching takes one at the most, and whatever
    waits for the device by spinning another.
    """
    texts = load_.texts()
    tokens = sum(text.tokens for text in texts)
    started_s, cpu_s = time.perf_counter(), time.process_time()
    spent, batches = zip(
        *(asyncio.run(_pass(runner, texts, max_batch_tokens, slots)) for _ in range(4)), strict=True
    )
    least_s = min(spent[1:])
    return {
        "tokens_per_s": round(tokens / least_s),
        "texts_per_s": round(len(texts) / least_s),
        "batches": batches[-1],
        "cores": round((time.process_time() - cpu_s) / (time.perf_counter() - started_s), 2),
    }


async def _pass(
    runner: Runner, texts: list[Encoded], max_batch_tokens: int, slots: int
) -> tuple[float, int]:
    loop, observer = asyncio.get_running_loop(), Quiet()
    queue = Queue(Limits(max_batch_tokens=max_batch_tokens, max_batch_size=4096), 10**9)
    device = ThreadedDevice(runner, slots, 1, divides=False)
    batcher = Batcher(queue, device, observer, time.monotonic)
    jobs = [Job(Run(text), time.monotonic(), loop.create_future()) for text in texts]
    started_s = time.perf_counter()
    serving = asyncio.create_task(batcher.run())
    for job in jobs:
        batcher.submit(job)
    await asyncio.gather(*(job.answer for job in jobs))
    spent_s = time.perf_counter() - started_s
    serving.cancel()
    return spent_s, observer.batches


def _memory() -> dict[str, int] | None:
    memory = device_memory()
    if memory is None:
        return None
    return {
        "weights": memory.allocated_bytes,
        "reserved_after_largest_batch": memory.reserved_bytes,
        "device_used": memory.used_bytes,
        "most_allocated": torch.cuda.max_memory_allocated(),
    }


def _text(generator: np.random.Generator, tokens: int) -> Encoded:
    ids = generator.integers(1000, _VOCABULARY - 1, tokens, dtype=np.int32)
    size = np.array([tokens], dtype=np.int32)
    return Encoded(ids, size, size)


if __name__ == "__main__":
    main()
