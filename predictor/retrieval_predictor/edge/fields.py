"""The fields of a route's body as rows for people: name, type, bounds. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

Schema = Mapping[str, Any]
_BOUNDS: Final = {
    "minimum": "at least {}",
    "maximum": "at most {}",
    "minItems": "{} or more items",
    "maxItems": "at most {} items",
    "minLength": "{} or more characters",
    "maxLength": "at most {} characters",
}


def rows(schema: Schema) -> Iterator[tuple[str, str, str]]:
    """Each field of an object, required ones first, with its type and its bounds."""
    found: dict[str, Schema] = {}
    required: set[str] = set()
    for part in (schema, *schema.get("allOf", ()), *schema.get("anyOf", ())):
        found |= part.get("properties", {})
        required |= set(part.get("required", ()))
    for name in sorted(found, key=lambda one: one not in required):
        bounds = ", ".join(_bounds(found[name]))
        needed = "required" if name in required else ""
        yield name, _kind(found[name]), "; ".join(filter(None, (needed, bounds)))


def _kind(schema: Schema) -> str:
    if "enum" in schema:
        return " or ".join(str(one) for one in schema["enum"] if one is not None)
    parts = [part for word in ("anyOf", "oneOf") for part in schema.get(word, ())]
    if parts:
        kinds = dict.fromkeys(_kind(part) for part in parts)
        return " or ".join(kind for kind in kinds if kind != "null")
    kind = schema.get("type", "")
    if isinstance(kind, list):
        return " or ".join(one for one in kind if one != "null")
    if kind == "array":
        return f"list of {_kind(schema.get('items', {})) or 'anything'}"
    return str(kind)


def _bounds(schema: Schema) -> Iterator[str]:
    for word, text in _BOUNDS.items():
        if word in schema:
            yield text.format(schema[word])
    for word in ("anyOf", "oneOf"):
        for part in schema.get(word, ()):
            yield from _bounds(part)
