"""Run the largest planned batch before the first request does, and say what it cost."""

from __future__ import annotations

import asyncio
import time

import numpy as np

from retrieval_predictor.batching.batcher import Device
from retrieval_predictor.card import ModelCard, WarmUp
from retrieval_predictor.model.memory import peak_memory_bytes
from retrieval_predictor.settings import Batching
from retrieval_predictor.work import Batch, Encoded, Part, Reference


async def warm_up(device: Device, card: ModelCard, batching: Batching) -> WarmUp:
    """Compute one text, then the fullest batch of the longest texts, and measure the second.

    A device that divides gets it in as many parts as it has slots.
    """
    await device.run(_batch(card, rows=1, tokens=min(16, card.max_input_tokens)))
    rows = min(batching.max_batch_tokens // card.max_input_tokens, batching.max_batch_size)
    count = min(device.slots, rows) if device.divides else 1
    parts = [_batch(card, size, card.max_input_tokens) for size in _even(max(rows, 1), count)]
    started_s = time.perf_counter()
    await asyncio.gather(*map(device.run, parts))
    forward_s = time.perf_counter() - started_s
    tokens = sum(part.tokens for part in parts)
    return WarmUp(
        tokens=tokens,
        forward_s=forward_s,
        tokens_per_s=tokens / forward_s,
        peak_memory_bytes=peak_memory_bytes(),
        slots=device.slots,
    )


def _even(rows: int, count: int) -> list[int]:
    """Rows in parts that differ by one at most."""
    parts = max(count, 1)
    return [rows // parts + (index < rows % parts) for index in range(parts)]


def _batch(card: ModelCard, rows: int, tokens: int) -> Batch:
    generator = np.random.default_rng(0)
    ids = generator.integers(0, card.vocabulary_size, rows * tokens, dtype=np.int32)
    lengths = np.full(rows, tokens, dtype=np.int32)
    return Batch((Part(Encoded(ids, lengths, lengths), 0, Reference()),))
