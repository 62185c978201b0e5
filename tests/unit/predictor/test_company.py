"""How far a text's row moves with its company is measured at start, and told."""

from __future__ import annotations

import numpy as np
import pytest

from retrieval_predictor.engine.company import company_shift, shift_of
from retrieval_predictor.wire.work import Batch
from tests.support import make
from tests.support.benches import EchoDevice


class Drifting(EchoDevice):
    """Every row is (3, 4), and moved by so much for each other text of the batch."""

    def __init__(self, by: float) -> None:
        super().__init__()
        self._by = by

    async def run(self, batch: Batch):
        rows = np.tile(np.array([3.0, 4.0], dtype=np.float32), (batch.size, 1))
        rows[:, 0] += self._by * (batch.size - 1)
        return rows


async def test_what_company_does_to_a_vector_is_told_relative_to_the_vector():
    assert await company_shift(Drifting(0.01), make.card()) == pytest.approx(0.05 / 5, rel=1e-3)


async def test_a_runner_that_gives_the_same_bits_is_told_as_zero():
    assert await company_shift(Drifting(0.0), make.card()) == 0.0


def test_scores_are_compared_as_they_are():
    alone, together = np.array([[100.0], [-4.0]]), np.array([[100.5], [-4.0]])
    assert shift_of(alone, together) == 0.5
