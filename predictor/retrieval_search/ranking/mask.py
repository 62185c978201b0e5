"""Which passages fulfil a condition, as one flag a row, computed over Arrow's mapped columns."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from retrieval_predictor.errors import Malformed
from retrieval_search.ranking.condition import Compare, Condition, Operator, Value

Flags = npt.NDArray[np.bool_]
Columns = Mapping[str, pa.ChunkedArray]

_ORDERS: Mapping[Operator, Callable[..., Any]] = {
    Operator.GT: pc.greater,
    Operator.GTE: pc.greater_equal,
    Operator.LT: pc.less,
    Operator.LTE: pc.less_equal,
}
_NEGATED = {Operator.NE, Operator.NIN}


def prepare() -> None:
    """Have Arrow import what it imports with the first value it is given, pandas among others.

    On a busy node that takes seconds, which the first filter would wait for.
    """
    pa.scalar("")


def matching(condition: Condition, columns: Columns, count: int) -> Flags:
    """A flag for each of `count` passages.

    Raises:
        Malformed: No passage has the key, or its values are of another type.
    """
    if isinstance(condition, Compare):
        return _compare(condition, columns, count)
    join = np.logical_and if condition.is_all else np.logical_or
    return reduce(join, (matching(part, columns, count) for part in condition.parts))


def _compare(condition: Compare, columns: Columns, count: int) -> Flags:
    column = columns.get(condition.key)
    if column is None:
        known = ", ".join(sorted(columns)) or "none"
        raise Malformed(f"filter: no passage has '{condition.key}'; the index has: {known}")
    is_list = pa.types.is_list(column.type)
    kind = column.type.value_type if is_list else column.type
    values = [_cast(condition, value, kind) for value in condition.values]
    flat = pa.chunked_array([_flat(part) for part in column.chunks], kind) if is_list else column
    flags = _flags(condition.operator, flat, values, kind)
    if is_list:
        flags = _any_of_list(column, flags, count)
    return ~flags if condition.operator in _NEGATED else flags


def _flags(operator: Operator, column: Any, values: list[Any], kind: Any) -> Flags:
    if operator in _ORDERS:
        found = _ORDERS[operator](column, pa.scalar(values[0], kind))
    else:
        found = pc.is_in(column, value_set=pa.array(values, kind))
    chunks = pc.fill_null(found, fill_value=False).chunks
    return np.concatenate([_unpacked(one) for one in chunks]) if chunks else np.zeros(0, bool)


def _unpacked(bits: Any) -> Flags:
    """Arrow's bits as flags."""
    packed = np.frombuffer(bits.buffers()[1], np.uint8)
    return np.unpackbits(packed, bitorder="little")[bits.offset :][: len(bits)].astype(bool)


def _flat(part: Any) -> Any:
    return part.flatten()


def _any_of_list(column: Any, flags: Flags, count: int) -> Flags:
    """Whether any value of each passage's list has its flag."""
    matches, start, first = np.zeros(count, bool), 0, 0
    for part in column.chunks:
        owners = np.frombuffer(pc.list_parent_indices(part).buffers()[1], np.int64)[
            : len(part.flatten())
        ]
        matches[first + owners[flags[start : start + owners.size]]] = True
        start, first = start + owners.size, first + len(part)
    return matches


def _cast(condition: Compare, value: Value, kind: Any) -> Any:
    """The value in the column's type; a number is no string, and true is no number."""
    if pa.types.is_string(kind):
        fits, wanted = isinstance(value, str), "a string"
    elif pa.types.is_boolean(kind):
        fits, wanted = isinstance(value, bool), "true or false"
    else:
        fits, wanted = isinstance(value, int | float) and not isinstance(value, bool), "a number"
    if not fits:
        raise Malformed(f"filter: '{condition.key}' is {wanted} in this index, got {value!r:.40}")
    return float(value) if pa.types.is_floating(kind) else value
