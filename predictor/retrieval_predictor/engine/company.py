"""How far a text's row moves with the texts that share its batch.

Sums are taken in another order in a batch of another shape, so in half precision the same text has
a slightly other vector in other company. How much that is follows from model, precision and runner.
"""

from __future__ import annotations

import numpy as np

from retrieval_predictor.engine.scheduler.batcher import Device
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.ragged import joined
from retrieval_predictor.wire.work import Batch, Encoded, Floats, Part, Reference

_LENGTHS = (5, 12, 16, 12, 40, 128)


async def company_shift(device: Device, card: ModelCard) -> float:
    """The largest distance between a text's row alone and in a batch: see `WarmUp`."""
    texts = _texts(card)
    together = joined(await device.run(Batch(texts)))
    alone = [joined(await device.run(Batch((text,)))) for text in texts]
    return shift_of(np.concatenate(alone), together)


def shift_of(alone: Floats, together: Floats) -> float:
    """The largest distance of two rows, relative to the row where that is a vector.

    Shapes: alone and together (N, width). Scores, rows of one number, are compared as they are.
    """
    distances = np.linalg.norm(together - alone, axis=1)
    if alone.shape[1] > 1:
        distances = distances / np.maximum(np.linalg.norm(alone, axis=1), 1e-9)
    return float(distances.max())


def _texts(card: ModelCard) -> tuple[Part, ...]:
    generator = np.random.default_rng(1)
    low = min(card.vocabulary_size // 2, 1000)  # special tokens lie below
    sizes = np.minimum(_LENGTHS, card.max_input_tokens).astype(np.int32)
    rows = (generator.integers(low, card.vocabulary_size, size, dtype=np.int32) for size in sizes)
    return tuple(
        Part(Encoded(row, size, size), 0, Reference())
        for row, size in zip(rows, np.split(sizes, sizes.size), strict=True)
    )
