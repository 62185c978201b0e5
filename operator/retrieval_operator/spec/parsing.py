"""Read a RetrievalService from what an author wrote, or say everything that is wrong with it.

The same objects are refused here and by an API server that has our CustomResourceDefinition: field
by field through the models, across fields through the rules.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from retrieval_operator.errors import Problem, SpecError
from retrieval_operator.spec.block import Block
from retrieval_operator.spec.defaults import Defaults
from retrieval_operator.spec.fields import children, nearest
from retrieval_operator.spec.rules import rules_of
from retrieval_operator.spec.service import RetrievalService

_Part = TypeVar("_Part", bound=Block)
_MAX_SHOWN = 80
_WANTED = {
    "missing": "this field is required",
    "enum": "wanted one of {expected}",
    "literal_error": "wanted {expected}",
    "int_type": "wanted an integer",
    "bool_type": "wanted true or false",
    "string_type": "wanted a text; put it in quotes",
    "float_type": "wanted a number",
    "dict_type": "wanted a mapping of names to values",
    "model_type": "wanted a block of fields",
    "tuple_type": "wanted a list",
    "greater_than_equal": "wanted {ge} or more",
    "less_than_equal": "wanted {le} or less",
    "string_pattern_mismatch": "wanted a text that matches {pattern}",
    "string_too_short": "wanted {min_length} characters or more",
    "string_too_long": "wanted {max_length} characters or fewer",
    "too_short": "wanted {min_length} entry or more",
    "too_long": "wanted {max_length} entries or fewer",
}


def parse(document: object) -> RetrievalService:
    """The object of a document as YAML or JSON gives it; `status` is not looked at.

    Raises:
        SpecError: Something is wrong; the error holds every problem, each with its path.
    """
    if not isinstance(document, Mapping):
        wanted = "wanted one object of kind RetrievalService"
        raise SpecError((Problem("document", _shown(document), wanted),))
    raw = _plain({key: value for key, value in document.items() if key != "status"})
    return _checked(RetrievalService, raw)


def parse_defaults(written: str) -> Defaults:
    """An installation's defaults, as JSON, under the rules of the objects that they go into.

    Raises:
        SpecError: Something is wrong; the error holds every problem, each with its path.
    """
    try:
        raw = _normal(json.loads(written))
    except json.JSONDecodeError as error:
        raise SpecError((Problem("defaults", _shown(written), f"no JSON: {error}"),)) from error
    return _checked(Defaults, raw)


def _checked(model: type[_Part], raw: Any) -> _Part:
    problems = (*_shape_problems(model, raw), *_rule_problems(model, raw))
    if problems:
        raise SpecError(problems)
    return _read(model, raw)


def _plain(document: Mapping[str, Any]) -> Any:
    """What the API server would see: JSON, as it normalises it."""
    return _normal(json.loads(json.dumps(document, default=str)))


def _normal(value: Any) -> Any:
    """Without the nulls that the API server prunes, and with 2.0 as the integer it takes it for."""
    if isinstance(value, dict):
        return {key: _normal(item) for key, item in value.items() if item is not None}
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return [_normal(item) for item in value] if isinstance(value, list) else value


def _read(model: type[_Part], raw: Any) -> _Part:
    return model.model_validate_json(json.dumps(raw), by_alias=True, by_name=False)


def _shape_problems(model: type[Block], raw: Any) -> tuple[Problem, ...]:
    try:
        _read(model, raw)
    except ValidationError as error:
        return tuple(map(_problem, error.errors()))
    return ()


def _rule_problems(root: type[Block], raw: Any) -> Iterator[Problem]:
    for path, model, part in _blocks(root, raw, ""):
        try:
            block = _read(model, part)
        except ValidationError:
            continue  # its shape is already reported, and a rule needs all of its fields
        for rule in rules_of(model):
            if not rule.holds(block):
                got = _at(part, rule.at)
                yield Problem((path + rule.at).lstrip("."), _shown(got), rule.message(block))


def _blocks(model: type[Block], raw: Any, path: str) -> Iterator[tuple[str, type[Block], Any]]:
    """Every part of the document that one of our models describes, with its path."""
    if not isinstance(raw, dict):
        return
    yield path, model, raw
    for name, field in model.model_fields.items():
        alias = field.alias or name
        inner = _block_in(field.annotation)
        if inner is None or alias not in raw:
            continue
        part = raw[alias]
        if isinstance(part, list):
            for index, item in enumerate(part):
                yield from _blocks(inner, item, f"{path}.{alias}[{index}]")
        else:
            yield from _blocks(inner, part, f"{path}.{alias}")


def _block_in(annotation: Any) -> type[Block] | None:
    if isinstance(annotation, type) and issubclass(annotation, Block):
        return annotation
    return next(filter(None, map(_block_in, get_args(annotation))), None)


def _problem(error: ErrorDetails) -> Problem:
    path = _written(error["loc"])
    got = "nothing" if error["type"] == "missing" else _shown(error["input"])
    if error["type"] == "extra_forbidden":
        return Problem(path, got, _hint(error["loc"]))
    template = _WANTED.get(error["type"], "")
    return Problem(path, got, template.format(**error.get("ctx", {})) or error["msg"])


def _hint(loc: Sequence[str | int]) -> str:
    *above, name = (part for part in loc if isinstance(part, str))
    parent = ".".join(above)
    likely = nearest(parent, name)
    if likely:
        return f"no such field; did you mean {' or '.join(likely)}?"
    return f"no such field; known here: {', '.join(field.name for field in children(parent))}"


def _written(loc: Sequence[str | int]) -> str:
    parts = (f"[{part}]" if isinstance(part, int) else f".{part}" for part in loc)
    return "".join(parts).lstrip(".")


def _at(raw: Any, path: str) -> Any:
    for name in filter(None, path.split(".")):
        raw = raw.get(name) if isinstance(raw, dict) else None
    return raw


def _shown(value: Any) -> str:
    if value is None:
        return "nothing"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _MAX_SHOWN else text[: _MAX_SHOWN - 1] + "…"
