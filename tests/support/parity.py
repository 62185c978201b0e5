"""How far what is served lies from what sentence-transformers computes, one text at a time."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from sentence_transformers import CrossEncoder, SentenceTransformer

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.wire.work import EmbedRequest, Floats, RerankRequest
from tests.support.near import NearEngine

TEXTS = (
    "mix flour, water, salt and yeast",
    "dough",
    "",
    "Zürich und Genf liegen an Seen, 北京 und 東京 nicht",
    "the market closed lower on Monday " * 3,
    "a transformer is a stack of attention and feed-forward layers, " * 40,
    "bread",
)
"""Very short and very long ones, neighbours in one batch; the longest is cut."""
MAX_TOKENS = 128
QUERY = "how do I bake a loaf of bread?"


@dataclass(frozen=True, slots=True)
class Parity:
    """How a family was served, and how far its numbers were off.

    `difference` is the largest of any number of an answer, `cosine` the lowest of any vector, and 1
    for scores. `spread` tells how much the answers to different texts differ at all.
    """

    encoder: str
    difference: float
    spread: float
    cosine: float = 1.0


async def embedding_parity(
    folder: Path, scratch: Path, precision: Precision, prompts: Iterable[str] = ()
) -> Parity:
    """All texts as one batch, without a prompt and with each, against each text alone."""
    answerer, encoder = _served(folder, scratch, precision, Component.EMBEDDER)
    library = SentenceTransformer(str(folder), device="cpu")
    found = []
    for prompt in (None, *prompts):
        answer = await answerer.embed(EmbedRequest(TEXTS, prompt_name=prompt))
        wanted = library.encode(list(TEXTS), prompt_name=prompt, batch_size=1)
        found.append((answer.vectors, wanted))
    got, wanted = (np.concatenate(rows) for rows in zip(*found, strict=True))
    cosine = float((got * wanted).sum(axis=1).min())
    return Parity(encoder, _largest(got - wanted), _largest(np.ptp(wanted, axis=0)), cosine)


async def scoring_parity(folder: Path, scratch: Path, precision: Precision) -> Parity:
    """The scores of all documents before the sigmoid, as one batch, against each pair alone.

    Of two labels the library gives both logits; the score is the second's over the first's.
    """
    answerer, encoder = _served(folder, scratch, precision, Component.RERANKER)
    request = RerankRequest(QUERY, TEXTS, raw_scores=True)
    got = (await answerer.rerank(request)).scores
    library = CrossEncoder(str(folder), device="cpu", max_length=MAX_TOKENS)
    pairs = [(QUERY, text) for text in TEXTS]
    logits = library.predict(pairs, batch_size=1, activation_fn=torch.nn.Identity())
    wanted = logits if logits.ndim == 1 else logits[:, 1] - logits[:, 0]
    return Parity(encoder, _largest(got - wanted), float(np.ptp(wanted)))


def _largest(values: Floats) -> float:
    return float(np.abs(values).max())


def _served(
    folder: Path, scratch: Path, precision: Precision, component: Component
) -> tuple[Answerer, str]:
    loaded = load(
        Settings(
            component=component,
            model={"uri": f"file://{folder}"},
            precision=precision,
            max_input_tokens=MAX_TOKENS,
        ),
        scratch,
    )
    return Answerer(NearEngine(loaded)), loaded.card.encoder
