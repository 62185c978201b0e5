"""The predictor's environment variables as people meet them: listed, and misspelt ones refused.

`docs/reference/predictor.md` and `retrieval-predictor --help` are made of the rows below.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from retrieval_predictor.settings import Settings

PREFIX: Final = "RETRIEVAL_"
_FOREIGN: Final = re.compile(
    r"RETRIEVAL_(OPERATOR|SEARCH|EMBEDDER)_|\w+_SERVICE_(HOST|PORT)|\w+_PORT_\d+_(TCP|UDP)"
)
"""Variables of our other programs, and those that Kubernetes and Docker make of service names."""


@dataclass(frozen=True, slots=True)
class Variable:
    """One variable; `default` is empty where nothing is set."""

    name: str
    kind: str
    default: str
    bounds: str
    meaning: str


def variables() -> tuple[Variable, ...]:
    """Every variable that the predictor reads, in the order of its settings."""
    return tuple(_variables(Settings, PREFIX))


def unknown(environment: Mapping[str, str]) -> tuple[str, ...]:
    """What is wrong with the names in this environment, each with the one that was meant."""
    known = [one.name for one in variables()]
    strange = [
        name
        for name in sorted(environment)
        if name.startswith(PREFIX) and name not in known and not _FOREIGN.match(name)
    ]
    return tuple(_refused(name, known) for name in strange)


def table() -> Iterator[str]:
    """The variables as lines for a terminal."""
    rows = variables()
    width = max(len(one.name) for one in rows)
    for one in rows:
        default = f" [{one.default}]" if one.default else ""
        yield f"  {one.name:{width}}  {one.meaning}{default}"


def _refused(name: str, known: Iterable[str]) -> str:
    ends = [one.removeprefix(PREFIX) for one in known]
    near = difflib.get_close_matches(name.removeprefix(PREFIX), ends, n=1, cutoff=0.6)
    if near:
        return f"{name}: no such setting; did you mean {PREFIX}{near[0]}?"
    return f"{name}: no such setting; `retrieval-predictor --help` lists them"


def _variables(model: type[BaseModel], prefix: str) -> Iterator[Variable]:
    for name, field in model.model_fields.items():
        inner = field.annotation
        if isinstance(inner, type) and issubclass(inner, BaseModel):
            yield from _variables(inner, f"{prefix}{name.upper()}__")
        else:
            yield Variable(
                name=f"{prefix}{name.upper()}",
                kind=_kind(inner),
                default=_default(field),
                bounds=_bounds(field),
                meaning=field.description or "",
            )


def _kind(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin in {Union, UnionType, Annotated}:
        parts = [part for part in get_args(annotation) if part is not type(None)]
        return _kind(parts[0])
    if origin is Literal:
        return " | ".join(map(str, get_args(annotation)))
    if isinstance(annotation, type) and issubclass(annotation, Enum):
        return " | ".join(str(one.value) for one in annotation)
    names = {bool: "true | false", int: "integer", float: "number", str: "text", dict: "JSON map"}
    return names.get(origin or annotation, "path")


def _default(field: FieldInfo) -> str:
    value = field.default
    if value is None or value == {}:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    return str(value.value) if isinstance(value, Enum) else str(value)


def _bounds(field: FieldInfo) -> str:
    found: dict[str, float] = {}
    metadata = [*field.metadata, *_inner_metadata(field.annotation)]
    for one in metadata:
        found |= {name: getattr(one, name) for name in ("ge", "gt", "le") if hasattr(one, name)}
    said = []
    if "ge" in found or "gt" in found:
        said.append(f"{found['ge']} or more" if "ge" in found else f"above {found['gt']}")
    if "le" in found:
        said.append(f"at most {found['le']}")
    return ", ".join(said)


def _inner_metadata(annotation: Any) -> Iterator[Any]:
    """Bounds of `Annotated` types inside a union with None."""
    for part in get_args(annotation):
        for item in getattr(part, "__metadata__", ()):
            yield from getattr(item, "metadata", (item,))
