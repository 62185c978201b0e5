"""Rows that may differ in length: one array where they do not, else a list with an array for each.

Both are indexed, cut and counted by text alike, so that whoever passes rows on need not know which
they are, and rows of one length cost what a plain array does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

from retrieval_predictor.wire.work import Floats, Ints

Numbers = TypeVar("Numbers", Floats, Ints)

Ragged = Floats | list[Floats]
"""(N, width) float32, or N arrays of one dimension."""


def finite(rows: Ragged) -> list[bool]:
    """Which rows hold nothing but finite numbers."""
    if isinstance(rows, list):
        return [bool(np.isfinite(row).all()) for row in rows]
    each: list[bool] = np.logical_and.reduce(np.isfinite(rows), axis=1).tolist()
    return each


def all_finite(rows: Ragged) -> bool:
    """Whether every row holds nothing but finite numbers."""
    return all(finite(rows)) if isinstance(rows, list) else bool(np.isfinite(rows).all())


def from_bytes(rows: Sequence[bytes]) -> Ragged:
    """Rows of one length or several, at least one, out of float32 bytes."""
    if len(set(map(len, rows))) == 1:
        return np.frombuffer(b"".join(rows), dtype=np.float32).reshape(len(rows), -1)
    return [np.frombuffer(row, dtype=np.float32) for row in rows]


def joined(rows: Ragged) -> Floats:
    """The rows as one array: (N, width), or (V,) where they differ in length."""
    return np.concatenate(rows) if isinstance(rows, list) else rows


def split(values: Numbers, sizes: Sequence[int]) -> list[Numbers]:
    """Rows of these sizes out of an array in which they follow one another."""
    return np.split(values, np.cumsum(sizes)[:-1])
