"""Every field of the object as a row: path, type, default, bounds, rules, meaning.

Read from the structural schema, so that what people are told is what the API server enforces. The
reference page, `retrieval explain` and the hints for misspelt names all use these rows.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import takewhile
from typing import Any

from retrieval_operator.errors import UnknownField
from retrieval_operator.spec.env import KNOBS, env_name
from retrieval_operator.spec.rule import from_cel
from retrieval_operator.spec.schema import structural
from retrieval_operator.spec.service import RetrievalServiceSpec
from retrieval_operator.spec.status import Status

_COMPONENTS = ("spec.embedder.", "spec.reranker.")


@dataclass(frozen=True, slots=True)
class Field:
    """One field, described for people; empty texts where there is nothing to say.

    `path` has no list indexes: `spec.embedder.podTemplate.env.name`. `rules` are those that look at
    this field. `env` is the predictor's variable of the same name.
    """

    path: str
    kind: str
    is_required: bool
    default: str
    bounds: str
    rules: tuple[str, ...]
    description: str
    env: str

    @property
    def name(self) -> str:
        """The last word of the path."""
        return _split(self.path)[1]

    @property
    def parent(self) -> str:
        """The path without its last word."""
        return _split(self.path)[0]


@dataclass(frozen=True, slots=True)
class _Seen:
    """A rule met on the way down, and the paths it looks at."""

    message: str
    looks_at: frozenset[str]


@cache
def fields() -> tuple[Field, ...]:
    """Every field of `spec` and `status` in the schema's order, a parent before its children."""
    roots = {"spec": structural(RetrievalServiceSpec), "status": structural(Status)}
    return tuple(
        row
        for name, node in roots.items()
        for row in _rows(name, node, (), is_required=name == "spec")
    )


@cache
def checks() -> Mapping[str, str]:
    """The first path that each rule blames, by the rule's message."""
    found: dict[str, str] = {}
    for path, message in _blamed("spec", structural(RetrievalServiceSpec)):
        found.setdefault(message, path)
    return found


def find(path: str) -> Field:
    """The field at `path`; the leading `spec.` may be left out.

    Raises:
        UnknownField: There is none; the error holds the nearest paths.
    """
    for field in fields():
        if field.path in {path, f"spec.{path}"}:
            return field
    full = path if path.startswith(("spec", "status")) else f"spec.{path}"
    raise UnknownField(path=path, nearest=nearest(*_split(full)))


def children(path: str) -> tuple[Field, ...]:
    """The fields directly below `path`."""
    return tuple(field for field in fields() if field.parent == path)


def nearest(parent: str, name: str) -> tuple[str, ...]:
    """At most two paths that an author who wrote `name` below `parent` may have meant.

    The same name, in any spelling, in the closest place; else a like name in the same place; else
    a like path.
    """
    root = parent.partition(".")[0]
    known = [field for field in fields() if field.path.partition(".")[0] == root]
    same = [field.path for field in known if _folded(field.name) == _folded(name)]
    if same:
        return (max(same, key=lambda path: _shared_depth(path, parent)),)
    siblings = {_folded(field.name): field.path for field in children(parent)}
    like = difflib.get_close_matches(_folded(name), siblings, n=2, cutoff=0.65)
    if like:
        return tuple(siblings[match] for match in like)
    if siblings:
        return ()
    paths = [field.path for field in known]
    return tuple(difflib.get_close_matches(f"{parent}.{name}", paths, n=2, cutoff=0.8))


def _folded(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _shared_depth(one: str, other: str) -> int:
    pairs = zip(one.split("."), other.split("."), strict=False)
    return len(list(takewhile(lambda pair: pair[0] == pair[1], pairs)))


def _split(path: str) -> tuple[str, str]:
    parent, _, name = path.rpartition(".")
    return parent, name


def _rows(
    path: str, node: Mapping[str, Any], above: tuple[_Seen, ...], *, is_required: bool
) -> Iterator[Field]:
    inner = node.get("items", node)
    rules = (*above, *_rules(path, inner))
    yield Field(
        path=path,
        kind=_kind(node),
        is_required=is_required,
        default=_default(node),
        bounds=_bounds(node),
        rules=tuple(rule.message for rule in rules if path in rule.looks_at),
        description=node.get("description", ""),
        env=_env(path),
    )
    required = inner.get("required", ())
    for name, child in inner.get("properties", {}).items():
        yield from _rows(f"{path}.{name}", child, rules, is_required=name in required)


def _rules(path: str, node: Mapping[str, Any]) -> Iterator[_Seen]:
    for rule in node.get("x-kubernetes-validations", ()):
        named = re.findall(r"self((?:\.\w+)*)", rule["rule"])
        yield _Seen(rule["message"], frozenset(path + from_cel(name) for name in named))


def _blamed(path: str, node: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    inner = node.get("items", node)
    for rule in inner.get("x-kubernetes-validations", ()):
        yield path + rule.get("fieldPath", ""), rule["message"]
    for name, child in inner.get("properties", {}).items():
        yield from _blamed(f"{path}.{name}", child)


def _kind(node: Mapping[str, Any]) -> str:
    if "x-kubernetes-int-or-string" in node:
        return "quantity"
    if "enum" in node:
        return " | ".join(node["enum"])
    if "items" in node:
        return f"list of {_kind(node['items'])}"
    if "additionalProperties" in node:
        return f"map of {_kind(node['additionalProperties'])}"
    return str(node["type"])


def _default(node: Mapping[str, Any]) -> str:
    # a block's default only repeats those of its fields
    return json.dumps(node["default"]) if "default" in node and "properties" not in node else ""


def _bounds(node: Mapping[str, Any]) -> str:
    if _kind(node) == "quantity":
        return ""
    said = (
        _range(node.get("minimum"), node.get("maximum"), ""),
        _range(node.get("minLength"), node.get("maxLength"), " characters"),
        _range(node.get("minItems"), node.get("maxItems"), " items"),
        _range(None, node.get("maxProperties"), " entries"),
    )
    return ", ".join(part for part in said if part)


def _range(least: float | None, most: float | None, unit: str) -> str:
    if least is None and most is None:
        return ""
    if least is None:
        return f"at most {most}{unit}"
    return f"{least} or more{unit}" if most is None else f"{least} to {most}{unit}"


def _env(path: str) -> str:
    for prefix in _COMPONENTS:
        knob = path.removeprefix(prefix)
        if knob != path and knob in KNOBS:
            return env_name(knob)
    return ""
