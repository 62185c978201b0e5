"""Lay a batch out without padding: tokens of all texts behind one another.

Texts are sorted by length, so that texts of one length are neighbours and attention on the CPU can
take them as one dense block; the order is undone when rows are handed back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from functools import partial
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
        shape = self.lengths.numel(), self.longest
        rectangle = torch.full(shape, fill, dtype=torch.int64, device=values.device)
        rectangle.view(-1)[self._places] = values
        return rectangle

    def unpadded(self, rectangle: Tensor) -> Tensor:
        """What a rectangle holds of each token: (N, longest, H) -> (T, H)."""
        return rectangle.flatten(0, 1)[self._places]

    @property
    def _places(self) -> Tensor:
        """Where in the rectangle each token is, counted row by row: (T,) int64.

        By numbers that the host knows, so that a GPU is not waited for.
        """
        texts = torch.arange(self.lengths.numel(), device=self.ids.device)
        text = torch.repeat_interleave(texts, self.lengths, output_size=self.ids.numel())
        return text * self.longest + self.positions

    @property
    def longest(self) -> int:
        """Tokens of the longest text."""
        return int(self.blocks[-1, -1])

    def to(self, device: torch.device) -> Packed:
        """The same batch with its tensors on a device."""
        return self if device.type == "cpu" else moved(self, partial(_sent, device))


Held = TypeVar("Held", Packed, Shared)
Send = Callable[[Tensor], Tensor]


def moved(packed: Packed, send: Send) -> Packed:
    """The batch with its tensors where `send` puts one tensor of int32; blocks stay on the host."""
    held: list[Packed | Shared] = [packed, *([packed.shared] if packed.shared else [])]
    tensors = [getattr(one, name) for one in held for name in _names(one)]
    flat = send(torch.cat([tensor.to(torch.int32) for tensor in tensors]))
    pieces = iter(torch.split(flat, [tensor.numel() for tensor in tensors]))
    whole = _filled(packed, pieces)
    return replace(whole, shared=packed.shared and _filled(packed.shared, pieces))


def _sent(device: torch.device, flat: Tensor) -> Tensor:
    return flat.pin_memory().to(device, non_blocking=True)


def sent(numbers: Longs, device: torch.device) -> Tensor:
    """Numbers of the host on a device, without waiting for it."""
    tensor = torch.from_numpy(numbers)
    return tensor if device.type == "cpu" else _sent(device, tensor)


def _names(held: Packed | Shared) -> list[str]:
    names = [one.name for one in fields(held) if isinstance(getattr(held, one.name), Tensor)]
    return [name for name in names if name != "blocks"]


def _filled(held: Held, pieces: Iterator[Tensor]) -> Held:
    """The same with these tensors, each in the type it had."""
    values: dict[str, Any] = {
        name: piece.to(getattr(held, name).dtype)
        for name, piece in zip(_names(held), pieces, strict=False)
    }
    return replace(held, **values)


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
