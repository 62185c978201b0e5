"""One forward pass: a batch in, one row of numbers a text out, in the batch's own order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retrieval_predictor.model.encoder import Encoder
from retrieval_predictor.model.heads import Head
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.widening import Width
from retrieval_predictor.wire.ragged import Ragged, all_finite, joined, split
from retrieval_predictor.wire.work import Batch, Encoded, Floats, Ints, Part


class Runner:
    """Owns the model; threads may call `run` at a time.

    On a CPU they compute side by side. On a GPU they take turns at launching, so that only one
    batch's activations are alive, while the other thread packs its batch or waits for its rows.
    """

    def __init__(self, encoder: Encoder, head: Head, device: torch.device, width: Width) -> None:
        self._encoder = encoder
        self._head = head
        self._device = device
        self._width = width
        self._turn: AbstractContextManager[Any] = Lock() if device.type == "cuda" else nullcontext()

    @property
    def width(self) -> int:
        """Numbers in a row of the usual kind."""
        return self._head.width

    @torch.inference_mode()
    def run(self, batch: Batch) -> Ragged:
        """Compute a batch: a row a text in the order of its parts."""
        packed = pack(batch, shares=self._encoder.shares_prefixes)
        moved, precision = packed.to(self._device), self._width.precision
        rows = self._rows(moved, batch)
        if not all_finite(rows) and self._widened(precision):
            rows = self._rows(moved, batch)
        return _in_order(rows, packed.order)

    def _rows(self, packed: Packed, batch: Batch) -> Ragged:
        with self._turn:
            rows = self._head(self._encoder(packed), packed, batch)
            rows_of = _on_host(torch.cat(rows) if isinstance(rows, list) else rows)
        if isinstance(rows, list):
            return split(rows_of(), [row.numel() for row in rows])
        return rows_of()

    def _widened(self, failed: str) -> bool:
        with self._turn:
            return self._width.widen(failed)


class QueryRunner:
    """A runner for models that score a document by its request's query, the request's first row.

    A batch of later rows that comes before the query's vectors do, because both are computed at
    once or the first failed, gets the query as well; its row is computed and left out.
    """

    def __init__(self, runner: Runner) -> None:
        self._runner = runner

    def run(self, batch: Batch) -> Floats:
        """See `Runner.run`; the rows have one length."""
        parts = tuple(map(_with_query, batch.parts))
        rows = joined(self._runner.run(Batch(parts)))
        asked = [
            np.arange(-added.encoded.lengths.size, 0) >= -part.encoded.lengths.size
            for part, added in zip(batch.parts, parts, strict=True)
        ]
        return rows[np.concatenate(asked)]


def _with_query(part: Part) -> Part:
    query, reference = part.reference.query, part.reference
    if part.first == 0 or reference.vectors is not None or query is None:
        return part
    after = part.encoded
    encoded = Encoded(
        np.concatenate([query.ids, after.ids]),
        np.concatenate([query.lengths, after.lengths]),
        np.concatenate([query.segments, after.segments]),
    )
    return Part(encoded, 0, reference)


def _in_order(rows: Ragged, order: Ints) -> Ragged:
    """Rows that came shortest text first, in the places that `order` gives them."""
    if isinstance(rows, list):
        return [rows[place] for place in np.argsort(order)]
    ordered = np.empty_like(rows)
    ordered[order] = rows
    return ordered


def _on_host(rows: Tensor) -> Callable[[], Floats]:
    """Start copying rows to the host; what it returns waits for them."""
    if rows.device.type != "cuda":
        return rows.numpy
    host = torch.empty(rows.shape, dtype=rows.dtype, pin_memory=True)
    host.copy_(rows, non_blocking=True)
    # a plain event is waited for by spinning, which takes the core that launches kernels
    copied = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
    copied.record()

    def wait() -> Floats:
        copied.synchronize()
        return host.numpy()

    return wait
