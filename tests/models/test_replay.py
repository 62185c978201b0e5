"""Small batches are replayed from recordings, where that gains and answers as the encoder does.

A CPU has no recordings: here one is the computation itself, run again on the recording's tensors.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from retrieval_predictor.model.buckets import Bucket
from retrieval_predictor.model.encoder import Encoder
from retrieval_predictor.model.heads import PoolingHead
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.rehearsal import Sizes, Stage, with_replays
from retrieval_predictor.model.replay import (
    Compute,
    Recording,
    Replay,
    ReplayedEncoder,
    replayed_tokens,
)
from retrieval_predictor.model.seen import scores_by
from tests.support import make

CPU = torch.device("cpu")
VOCABULARY, HIDDEN = 250, 16
SIZES = Sizes(VOCABULARY, 512, HIDDEN)
SMALL, LARGE = Bucket(64, 8), Bucket(128, 16)
MEAN = scores_by(PoolingHead(("mean",), (), HIDDEN), None)


class ByOffsets:
    """Keeps texts apart as FlashAttention does, by the offsets that are on the device."""

    name, shares_prefixes, is_recorded = "packed", False, False

    def __init__(self) -> None:
        generator = torch.Generator().manual_seed(0)
        self._table = torch.randn(VOCABULARY, HIDDEN, generator=generator)

    def __call__(self, packed: Packed) -> Tensor:
        tokens = self._table[packed.ids] + packed.positions[:, None] / 64 - packed.types[:, None]
        places = torch.arange(packed.ids.numel())
        text = torch.searchsorted(packed.offsets.long(), places, right=True)
        sums = torch.zeros(packed.offsets.numel() + 1, HIDDEN).index_add_(0, text, tokens)
        return tokens + sums[text].tanh()


class Once:
    """Keeps what it was asked to compute."""

    name, shares_prefixes, is_recorded = "packed", True, False

    def __init__(self) -> None:
        self.seen: list[Packed] = []

    def __call__(self, packed: Packed) -> Tensor:
        self.seen.append(packed)
        return torch.zeros(packed.ids.numel(), HIDDEN)


def again(compute: Compute) -> Recording:
    hidden = compute().clone()

    def launch() -> None:
        hidden.copy_(compute())

    return Recording(launch, hidden)


def replayed(encoder: Encoder, *buckets: Bucket) -> ReplayedEncoder:
    replays = {one: Replay(encoder, one, CPU, again) for one in buckets}
    return ReplayedEncoder(encoder, replays, lambda: torch.float16)


def packed_of(lengths: list[int], seed: int = 0) -> Packed:
    return pack(make.batch(make.encoded(lengths, seed=seed, vocabulary=VOCABULARY)))


batches = st.lists(st.lists(st.integers(1, 16), min_size=1, max_size=12), min_size=1, max_size=4)


@given(batches)
def test_whatever_came_before_a_replayed_batch_has_the_encoders_vectors(several: list[list[int]]):
    encoder = ByOffsets()
    ways = replayed(encoder, SMALL, LARGE)
    for seed, lengths in enumerate(several):
        batch = packed_of(lengths, seed)
        assert torch.equal(ways(batch), encoder(batch))


@pytest.mark.parametrize("lengths", [[129], [1] * 17, [100, 100]])
def test_a_batch_that_no_recording_has_room_for_is_computed_as_it_is(lengths: list[int]):
    encoder = ByOffsets()
    batch = packed_of(lengths)
    assert torch.equal(replayed(encoder, SMALL, LARGE)(batch), ByOffsets()(batch))


def test_texts_that_begin_alike_are_computed_once_and_not_replayed():
    encoder = Once()
    texts = make.rows_of([[*range(20, 40), last] for last in range(50, 53)])
    batch = pack(make.batch(texts), shares=True)
    replayed(encoder, LARGE)(batch)
    assert batch.shared is not None
    assert encoder.seen[-1] is batch


def test_weights_that_moved_to_another_precision_are_not_replayed():
    encoder, dtype = ByOffsets(), [torch.float16]
    recording = Replay(encoder, SMALL, CPU, again)
    ways = ReplayedEncoder(encoder, {SMALL: recording}, lambda: dtype[0])
    dtype[0] = torch.bfloat16
    encoder._table *= 2
    stale = torch.zeros(64, HIDDEN)
    recording._recording = replace(recording._recording, launch=lambda: None, hidden=stale)
    batch = packed_of([5, 7])
    assert torch.equal(ways(batch), encoder(batch))


def stage(
    gains: list[float],
    record: Callable[[Compute], Recording] = again,
    taken: Sequence[int] = (),
) -> Stage:
    """A device on which replays of rising size are so many times as fast."""
    takes, times = iter(taken), iter([second for gain in gains for second in (gain, 1.0)])
    return Stage(CPU, record, lambda _: next(times), lambda: next(takes, 0), budget_bytes=100)


def rehearsed(on: Stage) -> tuple[ByOffsets, Encoder]:
    encoder = ByOffsets()
    return encoder, with_replays(encoder, lambda: torch.float16, MEAN, SIZES, on)


def room_of(encoder: Encoder) -> int:
    """The most tokens that are replayed."""
    return replayed_tokens(encoder)


def test_the_first_size_that_gains_too_little_ends_it():
    _, chosen = rehearsed(stage([5.0, 3.0, 1.5, 1.05, 9.0]))
    assert room_of(chosen) == 192


def test_nothing_is_replayed_where_nothing_gains():
    encoder, chosen = rehearsed(stage([1.0]))
    assert chosen is encoder


def test_recordings_end_where_they_would_take_more_memory_than_they_may():
    _, chosen = rehearsed(stage([5.0] * 10, taken=(1000, 1040, 1080, 1101)))
    assert room_of(chosen) == 128


def test_a_model_that_cannot_be_recorded_runs_as_it_is():
    def refuse(_: Compute) -> Recording:
        raise RuntimeError("operation not permitted when stream is capturing")

    encoder, chosen = rehearsed(stage([5.0], record=refuse))
    assert chosen is encoder


def test_a_replay_that_answers_otherwise_undoes_all_of_them():
    def wrong(compute: Compute) -> Recording:
        right = again(compute)
        tokens = right.hidden.shape[0]

        def launch() -> None:
            right.launch()
            if tokens > 64:
                right.hidden[:8] += 3.0

        return Recording(launch, right.hidden)

    encoder, chosen = rehearsed(stage([5.0] * 10, record=wrong))
    assert chosen is encoder
