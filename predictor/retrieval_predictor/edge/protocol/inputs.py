"""Texts and token ids as clients write them: one or many, strings or lists of numbers."""

from __future__ import annotations

from typing import Any

from retrieval_predictor.edge.protocol.fields import MAX_INT, Fields, as_whole, kind, missing, wrong
from retrieval_predictor.errors import Malformed, TooManyTexts

Inputs = tuple[str, ...] | tuple[tuple[int, ...], ...]

_WANTED = "a string, a list of strings, a list of token ids or a list of such lists"


def read_inputs(fields: Fields, name: str, max_texts: int) -> Inputs:
    """The texts of field `name`, or its lists of token ids; an empty string is a text.

    Raises:
        Malformed: absent, empty, of another type or of mixed types.
        TooManyTexts: more than `max_texts`.
    """
    value = fields.get(name)
    if isinstance(value, str):
        return (value,)
    if value is None:
        raise missing(name, _WANTED)
    if not isinstance(value, list):
        raise wrong(name, _WANTED, kind(value))
    return _from_list(value, name, max_texts)


def refuse_too_many(items: list[Any], name: str, max_texts: int) -> None:
    """Raise unless `items` holds 1 to `max_texts` entries.

    Raises:
        Malformed: there is none.
        TooManyTexts: there are more.
    """
    if not items:
        raise Malformed(f"field '{name}' is an empty list; send at least one text")
    if len(items) > max_texts:
        raise TooManyTexts(len(items), max_texts)


def _from_list(items: list[Any], name: str, max_texts: int) -> Inputs:
    kinds = set(map(type, items))
    if kinds and kinds <= {int, float}:
        return (_token_ids(items, f"field '{name}'"),)
    refuse_too_many(items, name, max_texts)
    if kinds == {str}:
        return tuple(items)
    if kinds == {list}:
        return tuple(_token_ids(ids, f"field '{name}', item {i}") for i, ids in enumerate(items))
    odd = _odd_one(items)
    raise wrong(name, _WANTED, f"a list whose item {odd} is {kind(items[odd])}")


def _odd_one(items: list[Any]) -> int:
    """The first item that no list of inputs can hold, or that differs in type from item 0."""
    first = type(items[0])
    if first not in (str, int, list):
        return 0
    return next(i for i, item in enumerate(items) if type(item) is not first)


def _token_ids(items: list[Any], where: str) -> tuple[int, ...]:
    if not items:
        raise Malformed(f"{where} is an empty list; wanted token ids")
    if set(map(type, items)) != {int}:
        items = _all_whole(items, where)
    if min(items) < 0 or max(items) > MAX_INT:
        odd = next(i for i, item in enumerate(items) if not 0 <= item <= MAX_INT)
        raise Malformed(f"{where}: token id {items[odd]} is not in 0 to {MAX_INT}")
    return tuple(items)


def _all_whole(items: list[Any], where: str) -> list[int]:
    whole = [as_whole(item) for item in items]
    if None in whole:
        odd = whole.index(None)
        raise Malformed(f"{where}: wanted token ids, item {odd} is {kind(items[odd])}")
    return [number for number in whole if number is not None]
