"""Decide at start which small batches are replayed: those that gain by it, and answer rightly.

Recording costs memory and replaying computes up to the next larger size, so neither is free. Each
size is recorded, timed and compared with the encoder as it is, smallest first. The first that gains
too little ends it, as larger batches gain less; one that answers otherwise undoes all of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import structlog
import torch
from torch import Tensor
from transformers import PreTrainedModel

from retrieval_predictor.model.buckets import Bucket, ladder_of
from retrieval_predictor.model.encoder import Encoder, PackedEncoder
from retrieval_predictor.model.margin import Margin, margin_of
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.replay import Dtype, Record, Recorder, Replay, ReplayedEncoder
from retrieval_predictor.wire.work import Batch, Encoded, Floats, Ints, Part, Reference

log = structlog.get_logger(__name__)

LEAST_GAIN = 1.1
"""A replayed batch has to be this much faster: below it memory is better used otherwise."""

_TEXTS = 8
_RUNS = 10
_MEMORY_SHARE = 0.02
"""Of the GPU, for all recordings; the planner leaves 5 % of it free."""

Scores = Callable[[Tensor, Packed, Batch], Floats]
"""What users see of a batch: a score for each text, (N,), between 0 and 1 or -1 and 1."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where it is rehearsed: how a device records, what time it takes, and the memory it gives."""

    device: torch.device
    record: Record
    seconds: Callable[[Callable[[], object]], float]
    taken_bytes: Callable[[], int]
    budget_bytes: int


def gpu_stage(device: torch.device, limit_bytes: int) -> Stage:
    """A GPU, or the share of one that `limit_bytes` is; 0 is all of it."""
    total_bytes = limit_bytes or torch.cuda.get_device_properties(device).total_memory
    budget_bytes = int(total_bytes * _MEMORY_SHARE)
    return Stage(device, Recorder(), _gpu_seconds, torch.cuda.memory_reserved, budget_bytes)


def for_gpu(
    encoder: Encoder, model: PreTrainedModel, scores: Scores, sizes: Sizes, limit_bytes: int
) -> Encoder:
    """The encoder with the replays that pay, where it packs on a GPU; else as it is."""
    if model.device.type != "cuda" or not isinstance(encoder, PackedEncoder):
        return encoder
    stage = gpu_stage(model.device, limit_bytes)
    return with_replays(encoder, lambda: model.dtype, scores, sizes, stage)


@torch.inference_mode()
def with_replays(
    encoder: Encoder, dtype: Dtype, scores: Scores, sizes: Sizes, stage: Stage
) -> Encoder:
    """The encoder with the replays that pay, or as it is where there are none."""
    rehearsed: dict[Bucket, Replay] = {}
    before_bytes = stage.taken_bytes()
    for bucket in ladder_of(sizes.hidden):
        batch = _batch(bucket, sizes)
        replay = _recorded(encoder, bucket, stage)
        if replay is None or stage.taken_bytes() - before_bytes > stage.budget_bytes:
            break
        if _gain(encoder, replay, batch, stage) < LEAST_GAIN:
            break
        margin = _margin(encoder, replay, batch, scores, stage)
        if not margin.holds:
            log.warning("replays_disagree", tokens=bucket.tokens, moved=margin.moved)
            return encoder
        rehearsed[bucket] = replay
    log.info("replays", up_to_tokens=max((one.tokens for one in rehearsed), default=0))
    return ReplayedEncoder(encoder, rehearsed, dtype) if rehearsed else encoder


@dataclass(frozen=True, slots=True)
class Sizes:
    """What the texts of a rehearsal may be made of, and the width of the model."""

    vocabulary: int
    max_tokens: int
    hidden: int


def _recorded(encoder: Encoder, bucket: Bucket, stage: Stage) -> Replay | None:
    try:
        return Replay(encoder, bucket, stage.device, stage.record)
    except Exception as cause:  # noqa: BLE001  (a foreign model may do what cannot be recorded)
        log.info("replay_unavailable", tokens=bucket.tokens, cause=type(cause).__name__)
        return None


def _gain(encoder: Encoder, replay: Replay, batch: Batch, stage: Stage) -> float:
    """How many times as fast the replay is."""
    packed = pack(batch).to(stage.device)
    plain_s = stage.seconds(lambda: encoder(packed))
    return plain_s / stage.seconds(lambda: replay(packed))


def _margin(encoder: Encoder, replay: Replay, batch: Batch, scores: Scores, stage: Stage) -> Margin:
    packed = pack(batch).to(stage.device)
    plain = scores(encoder(packed), packed, batch)
    replayed = scores(replay(packed), packed, batch)
    return margin_of(plain, replayed, _alone(encoder, batch, scores, stage))


def _alone(encoder: Encoder, batch: Batch, scores: Scores, stage: Stage) -> Floats:
    """Scores of a batch whose texts were computed one at a time."""
    packed = pack(batch).to(stage.device)
    texts = [pack(one).to(stage.device) for one in _each(batch)]
    hidden = [encoder(texts[place]) for place in packed.order]
    return scores(torch.cat(hidden), packed, batch)


def _batch(bucket: Bucket, sizes: Sizes) -> Batch:
    """Texts of eight lengths that about fill a bucket."""
    lengths = np.linspace(0.5, 1.5, _TEXTS) * bucket.tokens / _TEXTS
    whole = np.minimum(lengths, sizes.max_tokens).astype(np.int32)
    generator = np.random.default_rng(bucket.tokens)
    low = min(sizes.vocabulary // 2, 1000)  # special tokens lie below
    ids = generator.integers(low, sizes.vocabulary, int(whole.sum()), dtype=np.int32)
    return _one_request(ids, whole)


def _each(batch: Batch) -> list[Batch]:
    """Every text of a batch of one request by itself."""
    encoded = batch.parts[0].encoded
    rows = np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1])
    return [_one_request(row, np.array([row.size], dtype=np.int32)) for row in rows]


def _one_request(ids: Ints, lengths: Ints) -> Batch:
    return Batch((Part(Encoded(ids, lengths, lengths), 0, Reference()),))


def _gpu_seconds(compute: Callable[[], object]) -> float:
    """The shortest of several runs, each waited for."""
    spent_s = []
    for _ in range(_RUNS):
        torch.cuda.synchronize()
        started_s = time.perf_counter()
        compute()
        torch.cuda.synchronize()
        spent_s.append(time.perf_counter() - started_s)
    return min(spent_s)
