"""Turn a pydantic model into the structural schema that a CustomResourceDefinition needs.

Pure. References are resolved, null alternatives dropped (the API server prunes nulls), descriptions
put on one line, rules attached as `x-kubernetes-validations`. A construct that has no structural
form is a bug in a model and ends in an AssertionError.
Source: Kubernetes documentation, "CustomResourceDefinitions", section "Specifying a structural
schema".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from retrieval_operator.spec.block import Block
from retrieval_operator.spec.rule import Rule
from retrieval_operator.spec.rules import IMMUTABLE, rules_of

Schema = dict[str, Any]

_KEPT: Final = (
    "type", "description", "enum", "minimum", "maximum", "minLength", "maxLength", "pattern",
    "minItems", "maxItems", "maxProperties", "required",
)  # fmt: skip
_INT_OR_STRING: Final = "x-kubernetes-int-or-string"
_BLOCK: Final = "x-block"  # which model a node came from; not part of the result
_RULES: Final = "x-kubernetes-validations"
_ANYTHING: Final = "x-kubernetes-preserve-unknown-fields"


def structural(model: type[Block]) -> Schema:
    """The structural schema of a model, with defaults and validation rules."""
    raw = model.model_json_schema(by_alias=True)
    definitions = raw.pop("$defs", {})
    blocks = {block.__name__: block for block in _family(Block)}
    return _Converter(definitions, blocks).convert({**raw, _BLOCK: model.__name__})


def validation(rule: Rule, prefix: str = "") -> Schema:
    """A rule as the API server takes it; `prefix` moves it to an enclosing object."""
    moved = f"self{prefix}."
    entry: Schema = {"rule": rule.cel.replace("self.", moved)}
    facts = ", ".join(fact.replace("self.", moved) for fact in rule.facts)
    if facts:
        # string concatenation is charged over the budget, format is not
        entry["messageExpression"] = f"{_quoted(rule.says)}.format([{facts}])"
    entry["message"] = rule.summary
    if prefix + rule.at:
        entry["fieldPath"] = prefix + rule.at
    return entry


def _quoted(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _family(root: type[Block]) -> Iterator[type[Block]]:
    for child in root.__subclasses__():
        yield child
        yield from _family(child)


class _Converter:
    """Walks one JSON schema with its definitions at hand."""

    def __init__(
        self, definitions: Mapping[str, Schema], blocks: Mapping[str, type[Block]]
    ) -> None:
        self._definitions = definitions
        self._blocks = blocks

    def convert(self, raw: Mapping[str, Any]) -> Schema:
        """The structural form of one node and everything below it."""
        source = self._resolved(raw)
        node: Schema = {key: source[key] for key in _KEPT if key in source}
        node |= {key: value for key, value in source.items() if key.startswith("x-kubernetes-")}
        if "description" in node:
            node["description"] = " ".join(node["description"].split())
        if "const" in source:
            node["enum"] = [source["const"]]
        if _INT_OR_STRING in source:
            node["anyOf"] = source["anyOf"]
        node |= self._children(source)
        node |= self._default(source, node)
        return node | self._validations(source)

    def _resolved(self, raw: Mapping[str, Any]) -> Schema:
        node = dict(raw)
        if "$ref" in node:
            name = node.pop("$ref").removeprefix("#/$defs/")
            return self._resolved({**self._definitions[name], **node, _BLOCK: name})
        if "anyOf" in node and _INT_OR_STRING not in node:
            options = [option for option in node.pop("anyOf") if option != {"type": "null"}]
            if len(options) != 1:
                raise AssertionError(f"{raw} is a union; a structural schema has none")
            return self._resolved({**options[0], **node})
        return node

    def _children(self, source: Schema) -> Schema:
        found: Schema = {}
        if "properties" in source:
            found["properties"] = {
                name: self.convert(child) | self._immutability(source, name)
                for name, child in source["properties"].items()
            }
        if "items" in source:
            found["items"] = self.convert(source["items"])
        more = source.get("additionalProperties")
        if more is True:
            found[_ANYTHING] = True
        elif more:
            found["additionalProperties"] = self.convert(more)
        return found

    def _default(self, source: Schema, node: Schema) -> Schema:
        default = source.get("default")
        if default is None:
            return {}
        if _INT_OR_STRING in node:
            return {"default": default["text"]}
        if "properties" in node:
            # spelled out: rules are checked on a default before those below it are filled in
            default = {
                name: child["default"]
                for name, child in node["properties"].items()
                if "default" in child
            }
        return {"default": default} if default not in ({}, []) else {}

    def _validations(self, source: Schema) -> Schema:
        block = self._blocks.get(source.get(_BLOCK, ""))
        rules = [validation(rule) for rule in rules_of(block)] if block else []
        return {_RULES: rules} if rules else {}

    def _immutability(self, source: Schema, name: str) -> Schema:
        block = self._blocks.get(source.get(_BLOCK, ""))
        rules = [
            {"rule": "self == oldSelf", "message": change.says}
            for change in IMMUTABLE
            if change.on is block and change.field == name
        ]
        return {_RULES: rules} if rules else {}
