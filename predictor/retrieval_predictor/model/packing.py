"""Lay a batch out without padding: tokens of all texts behind one another.

Texts are sorted by length, so that texts of one length are neighbours and attention on the CPU can
take them as one dense block; the order is undone when rows are handed back.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from retrieval_predictor.model.prefixes import Longs, Prefixes, common_prefixes, no_prefixes
from retrieval_predictor.wire.work import Batch, Ints


@dataclass(frozen=True, slots=True)
class Shared:
    """What is computed of a batch in which texts begin alike: C of its T tokens.

    Shapes: ids, positions, types (C,) int64; offsets (N + 1,) int32, where text n computes the
    tokens offsets[n] to offsets[n + 1]; source (T,) int64 is the place of each token of the batch
    among those that are computed. `longest` is the most that a text computes.
    """

    ids: Tensor
    positions: Tensor
    types: Tensor
    offsets: Tensor
    source: Tensor
    longest: int


@dataclass(frozen=True, slots=True)
class Packed:
    """A batch as the model takes it.

    Shapes: ids, positions, types (T,) int64; lengths (N,) int64 and offsets (N + 1,) int32, where
    text n has tokens offsets[n] to offsets[n + 1]; order (N,) is the place each sorted text had in
    the batch. Positions count from 0 in each text. `shared` is None where every token is computed.

    blocks (B, 5) int64 are runs of texts that attention takes at once, and stay on the host: how
    many texts, then the first token that is computed and how many each text computes, then the
    first token that those may look at and how many each text has.
    """

    ids: Tensor
    positions: Tensor
    types: Tensor
    lengths: Tensor
    offsets: Tensor
    blocks: Tensor
    order: Ints
    shared: Shared | None = None

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
        return int(self.blocks[-1, -1])

    def to(self, device: torch.device) -> Packed:
        """The same batch with its tensors on a device."""
        if device.type == "cpu":
            return self
        return replace(_moved(self, device), shared=self.shared and _moved(self.shared, device))


Held = TypeVar("Held", Packed, Shared)


def pack(batch: Batch, *, shares: bool = False) -> Packed:
    """Concatenate the texts of a batch, shortest first.

    With `shares`, which only a causal model allows, what texts begin with alike is computed once.
    """
    encodeds = [part.encoded for part in batch.parts]
    ids = np.concatenate([encoded.ids for encoded in encodeds])
    lengths = np.concatenate([encoded.lengths for encoded in encodeds]).astype(np.int64)
    segments = np.concatenate([encoded.segments for encoded in encodeds])
    prefixes = common_prefixes(batch) if shares else no_prefixes(lengths.size)
    order = np.lexsort((prefixes.tokens, lengths))
    sorted_lengths, skipped = lengths[order], prefixes.tokens[order]
    offsets = _starts(sorted_lengths)
    positions = np.arange(ids.size) - np.repeat(offsets[:-1], sorted_lengths)
    source = np.repeat(_starts(lengths)[:-1][order], sorted_lengths) + positions
    types = positions >= np.repeat(segments[order], sorted_lengths)
    packed = Packed(
        ids=torch.from_numpy(ids[source].astype(np.int64)),
        positions=torch.from_numpy(positions),
        types=torch.from_numpy(types.astype(np.int64)),
        lengths=torch.from_numpy(sorted_lengths),
        offsets=torch.from_numpy(offsets.astype(np.int32)),
        blocks=_blocks(sorted_lengths, skipped),
        order=order.astype(np.int32),
    )
    return replace(packed, shared=_shared(packed, prefixes)) if skipped.any() else packed


def _shared(packed: Packed, prefixes: Prefixes) -> Shared:
    lengths, starts = packed.lengths.numpy(), packed.offsets.numpy()[:-1].astype(np.int64)
    skipped = prefixes.tokens[packed.order]
    owners = np.argsort(packed.order)[prefixes.owners[packed.order]]
    positions = packed.positions.numpy()
    computed = positions >= np.repeat(skipped, lengths)
    taken = np.repeat(starts[owners], lengths) + positions
    whole = np.where(computed, np.arange(positions.size), taken)
    kept = torch.from_numpy(np.flatnonzero(computed))
    return Shared(
        ids=packed.ids[kept],
        positions=packed.positions[kept],
        types=packed.types[kept],
        offsets=torch.from_numpy(_starts(lengths - skipped).astype(np.int32)),
        source=torch.from_numpy((np.cumsum(computed) - 1)[whole]),
        longest=int((lengths - skipped).max()),
    )


def _moved(held: Held, device: torch.device) -> Held:
    values = {one.name: getattr(held, one.name) for one in fields(held)}
    moved: dict[str, Any] = {
        name: value.pin_memory().to(device, non_blocking=True)
        for name, value in values.items()
        if isinstance(value, Tensor) and name != "blocks"
    }
    return replace(held, **moved)


def _starts(lengths: Longs) -> Longs:
    return np.concatenate([[0], np.cumsum(lengths)])


def _blocks(lengths: Longs, skipped: Longs) -> Tensor:
    """Runs of texts that are as long and take as many tokens from another."""
    changes = np.flatnonzero(np.diff(lengths) | np.diff(skipped)) + 1
    first = np.concatenate([[0], changes])
    counts = np.diff(np.append(first, lengths.size))
    computed = lengths - skipped
    columns = (
        counts,
        _starts(computed)[first],
        computed[first],
        _starts(lengths)[first],
        lengths[first],
    )
    return torch.from_numpy(np.stack(columns, axis=1))
