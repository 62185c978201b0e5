"""What a passage's metadata has to be: the condition of a filter, read and written.

It is the shape of OpenAI's vector stores: {"type": "eq", "key": "lang", "value": "de"} and
{"type": "and", "filters": […]}.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from retrieval_predictor.errors import Malformed

MAX_DEPTH = 8
MAX_PARTS = 256
"""Comparisons and values of one filter; each costs a pass over a column."""

Value: TypeAlias = str | int | float | bool


class Operator(StrEnum):
    """How a value is compared. Without the key a passage fulfils `ne` and `nin` alone."""

    EQ = "eq"
    NE = "ne"
    GT = "gt"
    GTE = "gte"
    LT = "lt"
    LTE = "lte"
    IN = "in"
    NIN = "nin"


@dataclass(frozen=True, slots=True)
class Compare:
    """One comparison; IN and NIN have any number of values, the others one."""

    key: str
    operator: Operator
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Combine:
    """Several conditions, of which all or any have to hold."""

    parts: tuple[Condition, ...]
    is_all: bool


Condition: TypeAlias = Compare | Combine


def read_condition(value: Any) -> Condition | None:
    """The condition that a body's `filter` is; None where there is none.

    Raises:
        Malformed: It is not one, or larger than the limits.
    """
    if value is None:
        return None
    condition = _read(value, "filter", 0)
    if (parts := _parts(condition)) > MAX_PARTS:
        raise Malformed(f"field 'filter': {parts} comparisons, the limit is {MAX_PARTS}")
    return condition


def _read(value: Any, where: str, depth: int) -> Condition:
    if not isinstance(value, dict):
        raise Malformed(f"field '{where}': wanted an object with 'type'")
    if depth > MAX_DEPTH:
        raise Malformed(f"field '{where}': nested more than {MAX_DEPTH} deep")
    kind = value.get("type")
    if kind in {"and", "or"}:
        return Combine(_read_parts(value, where, depth), is_all=kind == "and")
    if not isinstance(kind, str) or kind not in set(Operator):
        wanted = ", ".join(("and", "or", *Operator))
        raise Malformed(f"field '{where}.type': wanted one of {wanted}")
    key = value.get("key")
    if not isinstance(key, str) or not key:
        raise Malformed(f"field '{where}.key': wanted the name of a metadata field")
    return Compare(key, Operator(kind), _read_values(value, Operator(kind), where))


def _read_parts(value: dict[str, Any], where: str, depth: int) -> tuple[Condition, ...]:
    parts = value.get("filters")
    if not isinstance(parts, list) or not parts:
        raise Malformed(f"field '{where}.filters': wanted a list of one or more filters")
    return tuple(_read(one, f"{where}.filters[{i}]", depth + 1) for i, one in enumerate(parts))


def _read_values(value: dict[str, Any], operator: Operator, where: str) -> tuple[Value, ...]:
    given = value.get("value")
    if operator in {Operator.IN, Operator.NIN}:
        if not isinstance(given, list):
            raise Malformed(f"field '{where}.value': wanted a list for '{operator}'")
        values = given
    else:
        values = [given]
    for one in values:
        if not isinstance(one, str | int | float):
            raise Malformed(f"field '{where}.value': wanted a string, a number, true or false")
    return tuple(values)


def _parts(condition: Condition) -> int:
    if isinstance(condition, Compare):
        return max(len(condition.values), 1)
    return sum(map(_parts, condition.parts))
