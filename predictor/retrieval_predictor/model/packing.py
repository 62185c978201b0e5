"""Lay a batch out without padding: tokens of all texts behind one another.

Texts are sorted by length, so that texts of one length are neighbours and attention on the CPU can
take them as one dense block; the order is undone when rows are handed back.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import torch
from torch import Tensor

from retrieval_predictor.work import Batch, Ints

Longs = np.ndarray[Any, np.dtype[np.int64]]


@dataclass(frozen=True, slots=True)
class Block:
    """`count` neighbouring texts of `length` tokens each, from token `start` on."""

    start: int
    count: int
    length: int


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch as the model takes it.

    Shapes: ids, positions, types (T,) int64; lengths (N,) int64 and offsets (N + 1,) int32, where
    text n has tokens offsets[n] to offsets[n + 1]; order (N,) is the place each sorted text had in
    the batch. Positions count from 0 in each text.
    """

    ids: Tensor
    positions: Tensor
    types: Tensor
    lengths: Tensor
    offsets: Tensor
    blocks: tuple[Block, ...]
    order: Ints

    @property
    def real(self) -> Tensor:
        """Which places of a rectangle of padded texts hold a token: (N, longest) bool."""
        column = torch.arange(self.longest, device=self.ids.device)
        return column.unsqueeze(0) < self.lengths.unsqueeze(1)

    def padded(self, values: Tensor, fill: int) -> Tensor:
        """One number a token as a rectangle: (T,) int64 -> (N, longest) int64."""
        real = self.real
        rectangle = torch.full(real.shape, fill, dtype=torch.int64, device=real.device)
        rectangle[real] = values
        return rectangle

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return self.blocks[-1].length

    def to(self, device: torch.device) -> Packed:
        """The same batch with its tensors on a device."""
        if device.type == "cpu":
            return self
        move = partial(_move, device=device)
        return replace(
            self,
            ids=move(self.ids),
            positions=move(self.positions),
            types=move(self.types),
            lengths=move(self.lengths),
            offsets=move(self.offsets),
        )


def pack(batch: Batch) -> Packed:
    """Concatenate the texts of a batch, shortest first."""
    encodeds = [part.encoded for part in batch.parts]
    ids = np.concatenate([encoded.ids for encoded in encodeds])
    lengths = np.concatenate([encoded.lengths for encoded in encodeds]).astype(np.int64)
    segments = np.concatenate([encoded.segments for encoded in encodeds])
    order = np.argsort(lengths, kind="stable")
    sorted_lengths = lengths[order]
    offsets = _starts(sorted_lengths)
    positions = np.arange(ids.size) - np.repeat(offsets[:-1], sorted_lengths)
    source = np.repeat(_starts(lengths)[:-1][order], sorted_lengths) + positions
    types = positions >= np.repeat(segments[order], sorted_lengths)
    return Packed(
        ids=torch.from_numpy(ids[source].astype(np.int64)),
        positions=torch.from_numpy(positions),
        types=torch.from_numpy(types.astype(np.int64)),
        lengths=torch.from_numpy(sorted_lengths),
        offsets=torch.from_numpy(offsets.astype(np.int32)),
        blocks=_blocks(sorted_lengths, offsets),
        order=order.astype(np.int32),
    )


def _move(tensor: Tensor, device: torch.device) -> Tensor:
    return tensor.pin_memory().to(device, non_blocking=True)


def _starts(lengths: Longs) -> Longs:
    return np.concatenate([[0], np.cumsum(lengths)])


def _blocks(lengths: Longs, offsets: Longs) -> tuple[Block, ...]:
    distinct, first, counts = np.unique(lengths, return_index=True, return_counts=True)
    return tuple(
        Block(int(offsets[index]), int(count), int(length))
        for length, index, count in zip(distinct, first, counts, strict=True)
    )
