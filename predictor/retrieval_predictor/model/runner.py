"""One forward pass: a batch in, one row of numbers a text out, in the batch's own order."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from threading import Lock
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retrieval_predictor.errors import DeviceLost, OutOfDeviceMemory
from retrieval_predictor.model.encoder import Encoder
from retrieval_predictor.model.heads import Head
from retrieval_predictor.model.packing import Packed, pack
from retrieval_predictor.model.widening import Width
from retrieval_predictor.runners.shortage import is_shortage
from retrieval_predictor.wire.ragged import Ragged, all_finite, split
from retrieval_predictor.wire.work import Batch, Floats, Ints


class TorchRunner:
    """Owns the model; threads may call `run` at a time.

    On a CPU they compute side by side. On a GPU they take turns at launching, so that only one
    batch's activations are alive, while the other thread packs its batch or waits for its rows.
    """

    tokens_per_thread = 256
    """MiniLM on two Zen 3 cores takes 4.2 ms a text for 12 texts of 12 tokens on one thread and 4.1
    on two, at twice the CPU time."""

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

    @property
    def precision(self) -> str:
        """See `Runner`."""
        return self._width.precision

    def run(self, batch: Batch, threads: int = 1) -> Ragged:
        """See `Runner.run`.

        An error that PyTorch reports as the accelerator's own, such as an illegal memory access,
        stays with the CUDA context: every later call fails too (CUDA Runtime API, "Error
        Handling").
        """
        torch.set_num_threads(threads)
        try:
            return self._computed(batch)
        except Exception as error:
            if isinstance(error, torch.AcceleratorError) and not is_shortage(error):
                raise DeviceLost(type(error).__name__) from error
            if not is_shortage(error):
                raise
            # nothing is raised here: the traceback holds the batch's tensors until this block ends
        torch.cuda.empty_cache()
        raise OutOfDeviceMemory

    @torch.inference_mode()
    def _computed(self, batch: Batch) -> Ragged:
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
