"""Rows out of an answer, and the checks that no status code replaces."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.wire import Dialect, Reply, Rows
from retrieval_bench.errors import WrongAnswer


def read(dialect: Dialect, reply: Reply, request: Request, columns: int | None) -> Rows:
    """The rows of an answer, after checking that there is one finite row for each text.

    `columns` is the length that vectors must have, None for any.

    Raises:
        WrongAnswer: The body cannot be read, or rows are missing, surplus, short or not finite.
    """
    try:
        rows = dialect.rows(reply)
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise WrongAnswer(f"unreadable answer: {type(error).__name__}: {error}") from error
    if len(request.texts) == 1 and not dialect.scores and rows.ndim == 1:
        rows = rows[np.newaxis]
    _check(rows, len(request.texts), 1 if dialect.scores else 2, columns)
    return rows


def table(values: Sequence[Any]) -> Rows:
    """Nested lists of numbers as an array.

    Raises:
        ValueError: Rows differ in length, or hold something that is no number.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "fiu":
        raise ValueError("not a table of numbers")
    return array.astype(np.float32, copy=False)


def placed(items: Sequence[dict[str, Any]], value: Callable[[dict[str, Any]], Any]) -> list[Any]:
    """The values of items that carry an `index`, in the order of their indices.

    Raises:
        ValueError: The indices are not 0 to n - 1, each once.
    """
    ordered = sorted(items, key=lambda item: int(item["index"]))
    if [item["index"] for item in ordered] != list(range(len(ordered))):
        raise ValueError("indices are not 0 to n - 1, each once")
    return [value(item) for item in ordered]


def _check(rows: Rows, texts: int, axes: int, columns: int | None) -> None:
    if rows.ndim != axes or rows.size == 0:
        raise WrongAnswer(f"answer of shape {rows.shape}, wanted {axes} axes and at least one row")
    if len(rows) != texts:
        raise WrongAnswer(f"{len(rows)} rows for {texts} texts")
    if columns is not None and axes == 2 and rows.shape[1] != columns:
        raise WrongAnswer(f"rows of {rows.shape[1]} numbers, the first answer had {columns}")
    if not np.isfinite(rows).all():
        raise WrongAnswer("a row holds NaN or infinity")
