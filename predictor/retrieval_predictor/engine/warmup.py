"""Run the largest planned batch before the first request does, and say what it cost."""

from __future__ import annotations

import time

import numpy as np

from retrieval_predictor.card import ModelCard, WarmUp
from retrieval_predictor.model.memory import peak_memory_bytes
from retrieval_predictor.model.runner import Runner
from retrieval_predictor.settings import Batching
from retrieval_predictor.work import Batch, Encoded, Part, Reference


def warm_up(runner: Runner, card: ModelCard, batching: Batching) -> WarmUp:
    """Compute one text, then the fullest batch of the longest texts, and measure the second."""
    runner.run(_batch(card, rows=1, tokens=min(16, card.max_input_tokens)))
    rows = min(batching.max_batch_tokens // card.max_input_tokens, batching.max_batch_size)
    largest = _batch(card, rows=max(rows, 1), tokens=card.max_input_tokens)
    started_s = time.perf_counter()
    runner.run(largest)
    forward_s = time.perf_counter() - started_s
    return WarmUp(
        tokens=largest.tokens,
        forward_s=forward_s,
        tokens_per_s=largest.tokens / forward_s,
        peak_memory_bytes=peak_memory_bytes(),
    )


def _batch(card: ModelCard, rows: int, tokens: int) -> Batch:
    generator = np.random.default_rng(0)
    ids = generator.integers(0, card.vocabulary_size, rows * tokens, dtype=np.int32)
    lengths = np.full(rows, tokens, dtype=np.int32)
    return Batch((Part(Encoded(ids, lengths, lengths), 0, Reference()),))
