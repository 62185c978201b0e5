"""Readers of one field each: the typed value, a default, or a message that says what is wrong.

They take the parsed JSON object of a body, or the parameters of an Open Inference request, and
never echo a string longer than a name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from retrieval_predictor.errors import Malformed

Fields = Mapping[str, Any]
Choice = TypeVar("Choice")

MAX_INT = 2**31 - 1
"""Token ids, dimensions and counts travel as int32."""

_MAX_LABEL_CHARACTERS = 512
_QUOTED_CHARACTERS = 32

_KINDS: Mapping[type, str] = {
    str: "a string",
    bool: "true or false",
    int: "a whole number",
    float: "a number with a fraction",
    list: "a list",
    dict: "an object",
    bytes: "bytes",
    type(None): "null",
}


def kind(value: object) -> str:
    """The JSON type of `value` in words."""
    return _KINDS.get(type(value), "another type")


def wrong(name: str, wanted: str, got: str) -> Malformed:
    """The error of a field whose value is not what the route takes."""
    return Malformed(f"field '{name}': wanted {wanted}, got {got}")


def missing(name: str, wanted: str) -> Malformed:
    """The error of a field that has to be there."""
    return Malformed(f"field '{name}' is missing; wanted {wanted}")


def label(fields: Fields, name: str) -> str | None:
    """A short string such as a model's name; None when absent.

    Raises:
        Malformed: not a string, or longer than 512 characters.
    """
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, str):
        raise wrong(name, "a string", kind(value))
    if len(value) > _MAX_LABEL_CHARACTERS:
        raise wrong(name, f"at most {_MAX_LABEL_CHARACTERS} characters", str(len(value)))
    return value


def optional_text(fields: Fields, name: str) -> str | None:
    """A string of any length; None when absent.

    Raises:
        Malformed: not a string.
    """
    value = fields.get(name)
    if value is None or isinstance(value, str):
        return value
    raise wrong(name, "a string", kind(value))


def flag(fields: Fields, name: str) -> bool | None:
    """True or false; None when absent.

    Raises:
        Malformed: neither.
    """
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return value
    raise wrong(name, "true or false", kind(value))


def as_whole(value: object) -> int | None:
    """The whole number that `value` is, None when it is none; 3.0 is one, as in JSON Schema."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return int(value) if value == value // 1 else None


def whole(fields: Fields, name: str) -> int | None:
    """A whole number from 1 to 2³¹ - 1; None when absent.

    Raises:
        Malformed: another number, or no number.
    """
    value = fields.get(name)
    if value is None:
        return None
    number = as_whole(value)
    if number is None:
        raise wrong(name, "a whole number", kind(value))
    if not 1 <= number <= MAX_INT:
        raise wrong(name, f"a whole number from 1 to {MAX_INT}", str(value))
    return number


def choice(fields: Fields, name: str, values: Mapping[str, Choice]) -> Choice | None:
    """The entry of `values` under the field's string, letter case aside; None when absent.

    Raises:
        Malformed: not a string, or not one of `values`.
    """
    value = fields.get(name)
    if value is None:
        return None
    wanted = " or ".join(f'"{known}"' for known in values)
    if not isinstance(value, str):
        raise wrong(name, wanted, kind(value))
    if value.lower() not in values:
        raise wrong(name, wanted, f'"{value[:_QUOTED_CHARACTERS]}"')
    return values[value.lower()]
