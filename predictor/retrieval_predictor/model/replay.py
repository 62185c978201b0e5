"""Launch the kernels of a small batch as one: CUDA graphs of the packed encoder.

A graph replays what was recorded at the addresses at which it was recorded. So each bucket has
tensors of its own that a batch is copied into; places that a batch leaves over belong to no text,
and what is computed for them is never read.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retrieval_predictor.model.buckets import Bucket, bucket_for
from retrieval_predictor.model.encoder import Encoder
from retrieval_predictor.model.packing import Packed

_WARM_RUNS = 2
"""Before a recording: what libraries set up in their first calls may not be recorded."""

Compute = Callable[[], Tensor]


@dataclass(frozen=True, slots=True)
class Recording:
    """Kernels to launch again, and where they leave their result: (tokens, H)."""

    launch: Callable[[], None]
    hidden: Tensor


Record = Callable[[Compute], Recording]


class Recorder:
    """Records on a GPU; all recordings share one pool of memory, as no two run at once."""

    def __init__(self) -> None:
        self._pool: Any = torch.cuda.graph_pool_handle()

    def __call__(self, compute: Compute) -> Recording:
        """What `compute` launches; PyTorch's documentation, "CUDA Graphs"."""
        side = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        side.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(side):
            for _ in range(_WARM_RUNS):
                compute()
        torch.cuda.current_stream().wait_stream(side)
        graph = torch.cuda.CUDAGraph()
        # another thread may be waiting for its rows, which is no part of what is recorded here
        with torch.cuda.graph(graph, pool=self._pool, capture_error_mode="thread_local"):
            hidden = compute()
        return Recording(graph.replay, hidden)


class Replay:
    """An encoder at one size, with the tensors that its recording reads."""

    def __init__(
        self, encoder: Encoder, bucket: Bucket, device: torch.device, record: Record
    ) -> None:
        self._room = _room(bucket, device)
        self._recording = record(lambda: encoder(self._room))

    def __call__(self, packed: Packed) -> Tensor:
        """Token vectors of a batch that fits, until the next call: (T, H)."""
        tokens = packed.ids.numel()
        for name in ("ids", "positions", "types"):
            getattr(self._room, name)[:tokens].copy_(getattr(packed, name))
        self._room.offsets.fill_(tokens)
        self._room.offsets[: packed.offsets.numel()].copy_(packed.offsets)
        self._recording.launch()
        return self._recording.hidden[:tokens]


class ReplayedEncoder:
    """An encoder whose small batches are replayed, as long as its weights stay where they are."""

    name = "packed"
    is_recorded = True

    def __init__(self, encoder: Encoder, replays: dict[Bucket, Replay], dtype: Dtype) -> None:
        self.shares_prefixes = encoder.shares_prefixes
        self._encoder = encoder
        self._replays = replays
        self._ladder = tuple(sorted(replays))
        self._dtype = dtype
        self._recorded_in = dtype()

    @property
    def replayed_tokens(self) -> int:
        """The most tokens that a replayed batch holds."""
        return self._ladder[-1].tokens

    def __call__(self, packed: Packed) -> Tensor:
        """See `Encoder`."""
        bucket = bucket_for(self._ladder, packed.ids.numel(), packed.lengths.numel())
        if bucket is None or packed.shared is not None or self._dtype() != self._recorded_in:
            return self._encoder(packed)
        return self._replays[bucket](packed)


def replayed_tokens(encoder: Encoder) -> int:
    """The most tokens that a replayed batch holds; 0 where none is."""
    return encoder.replayed_tokens if isinstance(encoder, ReplayedEncoder) else 0


Dtype = Callable[[], torch.dtype]
"""What the weights are in now: those of a model that overflowed lie elsewhere, in another one."""


def _room(bucket: Bucket, device: torch.device) -> Packed:
    """A batch without texts; attention takes the bucket's tokens for its longest text."""
    numbers = torch.zeros(bucket.tokens, dtype=torch.int64, device=device)
    return Packed(
        ids=numbers,
        positions=numbers.clone(),
        types=numbers.clone(),
        lengths=torch.zeros(bucket.texts, dtype=torch.int64, device=device),
        offsets=torch.zeros(bucket.texts + 1, dtype=torch.int32, device=device),
        blocks=torch.tensor([[bucket.texts, 0, bucket.tokens, 0, bucket.tokens]]),
        order=np.arange(bucket.texts, dtype=np.int32),
    )
