"""Rows that were computed before: a text is not computed twice, neither in a batch nor soon after.

A row follows from its text's ids and from where its second text starts, as long as the model scores
each text by itself; late interaction does not, so it gets no cache. The rows are kept as they left
the model, before dimensions, normalising or sigmoid, so one row serves every way to ask for it.
The cache belongs to one process with one model at one precision, so none of them is in the key.
"""

from __future__ import annotations

import hashlib
import sys
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from retrieval_predictor.work import Batch, Encoded, Floats, Part, Reference

_KEY_BYTES = 16
"""128 bits: with a billion texts a collision has a chance of 1 in 10^21 (birthday bound)."""

_ENTRY_BYTES = 120
"""The most that an entry takes in the table beside its key and row: 71 to 116, by tracemalloc."""


@dataclass(frozen=True, slots=True)
class Lookup:
    """What is left to compute of a batch, and how to get all its rows from that.

    `fill` takes the rows of `missing` in its order, (M, width) float32, and gives those of the
    whole batch, (N, width). `hits` counts the rows that need no computing. `release` has to be
    called once, after `fill` or when there is nothing to fill in: others may wait for these texts.
    """

    missing: Batch
    fill: Callable[[Floats], Floats]
    hits: int
    release: Callable[[], None]


class Results(Protocol):
    """Whoever remembers rows."""

    def known(self, encoded: Encoded) -> Floats | None:
        """All rows of a request, (N, width), if every one is known."""

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
        self.size_bytes = 0

    def known(self, encoded: Encoded) -> Floats | None:
        """See `Results`."""
        rows = []
        for key in _keys(encoded):
            if (row := self._get(key)) is None:
                return None
            rows.append(row)
        return _array(rows)

    def look_up(self, batch: Batch) -> Lookup:
        """See `Results`; a text that is in the batch twice is computed once."""
        keys = [key for part in batch.parts for key in _keys(part.encoded)]
        found = {key: row for key in dict.fromkeys(keys) if (row := self._get(key)) is not None}
        missing: dict[bytes, int] = {}
        for index, key in enumerate(keys):
            if key not in found:
                missing.setdefault(key, index)

        def fill(rows: Floats) -> Floats:
            finite = np.logical_and.reduce(np.isfinite(rows), axis=1).tolist()
            new = {key: row.tobytes() for key, row in zip(missing, rows, strict=True)}
            for (key, row), is_finite in zip(new.items(), finite, strict=True):
                if is_finite:
                    self._put(key, row)
            if len(new) == len(keys):
                return rows
            every = found | new
            return _array([every[key] for key in keys])

        left = _texts(batch, list(missing.values()))
        return Lookup(left, fill, len(keys) - len(missing), self._claim(missing))

    def wait_for(self, encoded: Encoded, then: Callable[[], None]) -> bool:
        """See `Results`."""
        keys = _keys(encoded) if self._computing else ()
        for key in keys:
            if key in self._computing:
                self._computing[key].append(then)
                return True
        return False

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
        if key not in self._rows:
            self._rows[key] = row
            self.size_bytes += _cost_bytes(key, row)
        while self.size_bytes > self._max_bytes:
            self.size_bytes -= _cost_bytes(*self._rows.popitem(last=False))


def _cost_bytes(key: bytes, row: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(row) + _ENTRY_BYTES


def _keys(encoded: Encoded) -> Iterator[bytes]:
    for ids, segment in _each(encoded):
        yield hashlib.blake2b(ids + segment.to_bytes(4, "little"), digest_size=_KEY_BYTES).digest()


def _each(encoded: Encoded) -> Iterator[tuple[bytes, int]]:
    """Each text's ids as bytes, and where its second text starts."""
    ids, start = encoded.ids.tobytes(), 0
    for length, segment in zip(encoded.lengths.tolist(), encoded.segments.tolist(), strict=True):
        stop = start + length * encoded.ids.itemsize
        yield ids[start:stop], segment
        start = stop


def _array(rows: list[bytes]) -> Floats:
    return np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), -1)


def _texts(batch: Batch, indices: list[int]) -> Batch:
    """The texts at these places, as one request's."""
    whole = _concatenated(batch)
    if len(indices) == whole.lengths.size:
        return batch
    chosen = np.zeros(whole.lengths.size, dtype=bool)
    chosen[indices] = True
    ids = whole.ids[np.repeat(chosen, whole.lengths)]
    encoded = Encoded(ids, whole.lengths[chosen], whole.segments[chosen])
    return Batch((Part(encoded, 0, Reference()),) if indices else ())


def _concatenated(batch: Batch) -> Encoded:
    parts = [part.encoded for part in batch.parts]
    return Encoded(
        np.concatenate([part.ids for part in parts]),
        np.concatenate([part.lengths for part in parts]),
        np.concatenate([part.segments for part in parts]),
    )
