"""Builders with good defaults: a test mentions only what matters to it."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.work import Batch, Encoded, Part, Reference, Rows, Run

_NO_LOOP = asyncio.new_event_loop()
_NO_LOOP.close()


def encoded(lengths: Sequence[int], *, seed: int = 0, vocabulary: int = 1000) -> Encoded:
    """Random ids for texts of these lengths; special tokens, which lie below 10, are left out."""
    sizes = np.asarray(lengths, dtype=np.int32)
    ids = np.random.default_rng(seed).integers(10, vocabulary, int(sizes.sum()), dtype=np.int32)
    return Encoded(ids, sizes, sizes)


def rows_of(texts: Sequence[Sequence[int]]) -> Encoded:
    """These ids, one text a row."""
    lengths = np.asarray([len(text) for text in texts], dtype=np.int32)
    ids = np.asarray([one for text in texts for one in text], dtype=np.int32)
    return Encoded(ids, lengths, lengths)


def batch(*texts: Encoded) -> Batch:
    """A batch of whole requests."""
    return Batch(tuple(Part(text, 0, Reference()) for text in texts))


def future() -> asyncio.Future[Rows]:
    """A future for tests that never await it."""
    return asyncio.Future(loop=_NO_LOOP)


def job(
    lengths: Sequence[int] = (8,),
    *,
    arrived_s: float = 0.0,
    deadline_s: float = 0.0,
    client: int = 0,
    answer: asyncio.Future[Rows] | None = None,
) -> Job:
    """A request of texts with these token counts."""
    return Job(Run(encoded(lengths), deadline_s, client), arrived_s, answer or future())


def card(**more: Any) -> ModelCard:
    """An embedder of four numbers a text, on a CPU."""
    made = ModelCard(
        uri="file://x",
        revision=None,
        architecture="BertModel",
        parameters=1,
        precision="fp32",
        device="cpu",
        encoder="packed",
        dimensions=4,
        max_input_tokens=16,
        vocabulary_size=300,
        tokenizer_path="tokenizer.json",
        prompts={"query": "a b c "},
        default_prompt=None,
        normalise=True,
        scoring=None,
        instruction=None,
        activation=None,
        load_s=0.0,
    )
    return dataclasses.replace(made, **more)
