"""What the warm-up measures, on a device whose batches take a known time."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.warmup import warm_up
from retrieval_predictor.settings import Batching
from retrieval_predictor.wire.card import WarmUp
from retrieval_predictor.wire.work import Batch
from tests.support import make
from tests.support.benches import EchoDevice, in_virtual_time

TOKEN_S = 0.0001


class Linear(EchoDevice):
    """A batch takes as long as its tokens and some more; the first of each size a second longer."""

    def __init__(self, overhead_tokens: int, slots: int, *, divides: bool) -> None:
        super().__init__(slots=slots, divides=divides)
        self._overhead_tokens = overhead_tokens
        self._warm: set[int] = set()

    async def run(self, batch: Batch):
        self.batches.append(batch)
        await asyncio.sleep(float(batch.tokens not in self._warm))
        await asyncio.sleep(TOKEN_S * (batch.tokens + self._overhead_tokens))
        self._warm.add(batch.tokens)
        return self.answer(batch)


def measured(device: Linear, batching: Batching, max_input_tokens: int = 512) -> WarmUp:
    async def one() -> WarmUp:
        clock = asyncio.get_running_loop().time
        card = make.card(max_input_tokens=max_input_tokens)
        return await warm_up(device, card, batching, clock)

    return in_virtual_time(one())


@given(overhead=st.integers(0, 4000), slots=st.integers(1, 4), divides=st.booleans())
def test_a_full_batch_and_the_cost_of_any_batch_are_measured(overhead, slots, divides):
    device = Linear(overhead, slots, divides=divides)
    told = measured(device, Batching(max_batch_tokens=8192))
    largest = max(batch.tokens for batch in device.batches)
    assert told.tokens == 8192
    assert told.forward_s == pytest.approx(TOKEN_S * (largest + overhead))
    assert told.overhead_tokens == pytest.approx(overhead, abs=1)


def test_a_batch_that_holds_one_short_text_tells_no_overhead():
    device = Linear(100, 1, divides=False)
    assert measured(device, Batching(max_batch_size=1), max_input_tokens=8).overhead_tokens == 0


def test_a_batch_that_takes_long_is_not_computed_again():
    device = Linear(60_000, 1, divides=False)
    measured(device, Batching(max_batch_tokens=8192))
    assert [batch.tokens for batch in device.batches].count(8192) == 1
    quick = Linear(0, 1, divides=False)
    measured(quick, Batching(max_batch_tokens=2048))
    assert [batch.tokens for batch in quick.batches].count(2048) == 2
