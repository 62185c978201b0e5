"""Run the largest planned batch before the first request does, and say what it cost."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

import numpy as np

from retrieval_predictor.engine.company import company_shift
from retrieval_predictor.engine.scheduler.batcher import Device
from retrieval_predictor.settings import Batching
from retrieval_predictor.telemetry.memory import peak_memory_bytes
from retrieval_predictor.wire.card import ModelCard, WarmUp
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference

_SHORT_TOKENS = 16
_REPEATS = 3
"""The first run of a short text pays for what is set up once."""

_COLD_MATTERS_S = 5.0
"""A first batch this long was not long because of what it set up, and is not worth another."""


async def warm_up(
    device: Device,
    card: ModelCard,
    batching: Batching,
    clock: Callable[[], float] = time.perf_counter,
) -> WarmUp:
    """Compute a short text and the fullest batch of the longest texts, and measure both.

    A device that divides gets the batch in as many parts as it has slots.
    """

    async def seconds(*batches: Batch) -> float:
        started_s = clock()
        await asyncio.gather(*map(device.run, batches))
        return clock() - started_s

    short = _batch(card, rows=1, tokens=min(_SHORT_TOKENS, card.max_input_tokens))
    short_s = min([await seconds(short) for _ in range(_REPEATS)])
    rows = min(batching.max_batch_tokens // card.max_input_tokens, batching.max_batch_size)
    count = min(device.slots, rows) if device.divides else 1
    parts = [_batch(card, size, card.max_input_tokens) for size in _even(max(rows, 1), count)]
    forward_s = await seconds(*parts)
    if forward_s < _COLD_MATTERS_S:
        forward_s = min(forward_s, await seconds(*parts))
    tokens = sum(part.tokens for part in parts)
    return WarmUp(
        tokens=tokens,
        forward_s=forward_s,
        tokens_per_s=tokens / forward_s,
        peak_memory_bytes=peak_memory_bytes(),
        slots=device.slots,
        overhead_tokens=_overhead(short.tokens, short_s, parts[0].tokens, forward_s),
        company_shift=await company_shift(device, card),
    )


def _overhead(short_tokens: int, short_s: float, full_tokens: int, full_s: float) -> int:
    """Tokens at which the line through two measured batches says that no time passes, negated."""
    if full_tokens <= short_tokens or full_s <= short_s:
        return 0
    token_s = (full_s - short_s) / (full_tokens - short_tokens)
    return max(int(short_s / token_s) - short_tokens, 0)


def _even(rows: int, count: int) -> list[int]:
    """Rows in parts that differ by one at most."""
    parts = max(count, 1)
    return [rows // parts + (index < rows % parts) for index in range(parts)]


def _batch(card: ModelCard, rows: int, tokens: int) -> Batch:
    generator = np.random.default_rng(0)
    ids = generator.integers(0, card.vocabulary_size, rows * tokens, dtype=np.int32)
    lengths = np.full(rows, tokens, dtype=np.int32)
    return Batch((Part(Encoded(ids, lengths, lengths), 0, Reference()),))
