"""Rows that were computed before: a text is not computed twice, neither in a batch nor soon after.

A row follows from its text's ids, from where its second text starts and from what is wanted of it,
as long as the model scores each text by itself; late interaction does not, so it gets no cache. The
rows are kept as they left the model, before dimensions, normalising or sigmoid, so one row serves
every way to ask for it. The cache belongs to one process with one model at one precision, so none
of them is in the key.

A row that is known comes back sooner, which tells that somebody has sent its text. So callers with
keys of their own have rows of their own, and a request may ask to have no part in it.
"""

from __future__ import annotations

import hashlib
import itertools
import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrieval_predictor.wire.ragged import Ragged, finite, from_bytes
from retrieval_predictor.wire.work import NO_CACHE, Batch, Encoded, Flags, Part

_KEY_BYTES = 16
"""128 bits: with a billion texts a collision has a chance of 1 in 10^21 (birthday bound)."""

_ENTRY_BYTES = 120
"""The most that an entry takes in the table beside its key and row: 71 to 116, by tracemalloc."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is left to compute of a batch, and how to get all its rows from that.

    `fill` takes the rows of `missing` in its order, M of them, and gives those of the whole batch,
    N. `hits` counts the rows that need no computing. `release` has to be
    called once, after `fill` or when there is nothing to fill in: others may wait for these texts.
    """

    missing: Batch
    fill: Callable[[Ragged], Ragged]
    hits: int
    release: Callable[[], None]


class Results(Protocol):
    """Whoever remembers rows."""

    def known(self, encoded: Encoded) -> Ragged | None:
        """All rows of a request, N of them, if every one is known."""

    def look_up(self, batch: Batch) -> Lookup:
        """Which rows of a batch have to be computed, to be released afterwards."""

    def wait_for(self, encoded: Encoded, then: Callable[[], None]) -> bool:
        """Whether a text of these is being computed now; `then` is called when it no longer is."""


class NoResults:
    """Remembers nothing."""

    def known(self, encoded: Encoded) -> None:
        """See `Results`."""
        del encoded

    def look_up(self, batch: Batch) -> Lookup:
        """See `Results`."""
        return Lookup(batch, lambda rows: rows, 0, lambda: None)

    def wait_for(self, encoded: Encoded, then: Callable[[], None]) -> bool:  # noqa: ARG002
        """See `Results`."""
        return False


class RowCache:
    """The rows used last, in at most `max_bytes`."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rows: OrderedDict[bytes, bytes] = OrderedDict()
        self._computing: dict[bytes, list[Callable[[], None]]] = {}
        self._uncached = itertools.count(1 << 64)
        self.size_bytes = 0

    def known(self, encoded: Encoded) -> Ragged | None:
        """See `Results`."""
        if encoded.cache == NO_CACHE:
            return None
        rows = []
        for key in _keys(encoded, encoded.cache):
            if (row := self._get(key)) is None:
                return None
            rows.append(row)
        return from_bytes(rows)

    def look_up(self, batch: Batch) -> Lookup:
        """See `Results`; a text that is in the batch twice is computed once."""
        each = [self._keys(part.encoded) for part in batch.parts]
        keys = [key for some in each for key in some]
        own = {
            key
            for part, some in zip(batch.parts, each, strict=True)
            if part.encoded.cache == NO_CACHE
            for key in some
        }
        found = {key: row for key in dict.fromkeys(keys) if (row := self._get(key)) is not None}
        missing: dict[bytes, int] = {}
        for index, key in enumerate(keys):
            if key not in found:
                missing.setdefault(key, index)

        def fill(rows: Ragged) -> Ragged:
            new = {key: row.tobytes() for key, row in zip(missing, rows, strict=True)}
            for (key, row), is_finite in zip(new.items(), finite(rows), strict=True):
                if is_finite and key not in own:
                    self._put(key, row)
            if len(new) == len(keys):
                return rows
            every = found | new
            return from_bytes([every[key] for key in keys])

        left = _texts(batch, list(missing.values()))
        return Lookup(left, fill, len(keys) - len(missing), self._claim(missing))

    def wait_for(self, encoded: Encoded, then: Callable[[], None]) -> bool:
        """See `Results`."""
        if not self._computing or encoded.cache == NO_CACHE:
            return False
        for key in _keys(encoded, encoded.cache):
            if key in self._computing:
                self._computing[key].append(then)
                return True
        return False

    def _keys(self, encoded: Encoded) -> list[bytes]:
        """Keys of a request's texts; one that shares nothing has keys that nobody else has."""
        is_own = encoded.cache == NO_CACHE
        return list(_keys(encoded, next(self._uncached) if is_own else encoded.cache))

    def _claim(self, keys: Collection[bytes]) -> Callable[[], None]:
        """Note that these are being computed; what it returns takes the note back."""
        waiting: list[Callable[[], None]] = []
        self._computing.update(dict.fromkeys(keys, waiting))

        def release() -> None:
            for key in keys:
                self._computing.pop(key, None)
            for then in waiting:
                then()

        return release

    def _get(self, key: bytes) -> bytes | None:
        row = self._rows.get(key)
        if row is not None:
            self._rows.move_to_end(key)
        return row

    def _put(self, key: bytes, row: bytes) -> None:
        cost_bytes = _cost_bytes(key, row)
        if key not in self._rows and cost_bytes <= self._max_bytes:
            self._rows[key] = row
            self.size_bytes += cost_bytes
        while self.size_bytes > self._max_bytes:
            self.size_bytes -= _cost_bytes(*self._rows.popitem(last=False))


def _cost_bytes(key: bytes, row: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(row) + _ENTRY_BYTES


def _keys(encoded: Encoded, scope: int) -> Iterator[bytes]:
    wanted = encoded.outputs.to_bytes(1, "little") + scope.to_bytes(17, "little")
    for ids, segment in _each(encoded):
        text = ids + segment.to_bytes(4, "little") + wanted
        yield hashlib.blake2b(text, digest_size=_KEY_BYTES).digest()


def _each(encoded: Encoded) -> Iterator[tuple[bytes, int]]:
    """Each text's ids as bytes, and where its second text starts."""
    ids, start = encoded.ids.tobytes(), 0
    for length, segment in zip(encoded.lengths.tolist(), encoded.segments.tolist(), strict=True):
        stop = start + length * encoded.ids.itemsize
        yield ids[start:stop], segment
        start = stop


def _texts(batch: Batch, indices: list[int]) -> Batch:
    """The texts at these places, in ascending order, and the requests that have some."""
    chosen = np.zeros(batch.size, dtype=bool)
    chosen[indices] = True
    if chosen.all():
        return batch
    parts, start = [], 0
    for part in batch.parts:
        stop = start + part.encoded.lengths.size
        if chosen[start:stop].any():
            parts.append(_chosen(part, chosen[start:stop]))
        start = stop
    return Batch(tuple(parts))


def _chosen(part: Part, texts: Flags) -> Part:
    tokens = np.repeat(texts, part.encoded.lengths)
    return Part(part.encoded.of(texts, tokens), part.first, part.reference)
