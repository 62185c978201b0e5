"""What a rule across fields is: one predicate in two languages, one message.

The API server evaluates the CEL expression, a laptop without a cluster the Python predicate. The
schema of a single field (bounds, enums, patterns) is not a rule.
Source: Kubernetes documentation, "CustomResourceDefinitions", section "Validation rules".
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic.alias_generators import to_snake

from retrieval_operator.spec.block import Block

_FACT = re.compile(r"(?P<call>size)?\(?self\.(?P<path>[A-Za-z_.]+)\)?")
_DASH = "__dash__"


@dataclass(frozen=True, slots=True)
class Rule:
    """One relation that every block of type `on` has to keep.

    `says` is the message for an author whose object breaks it, with a `%s` or `%d` in brackets for
    each of `facts`; a fact is a CEL path that starts at the block, or its size. `at` is the field
    to blame. `cel` may use only fields of the block; `holds` decides the same on a parsed block.
    """

    on: type[Block]
    at: str
    cel: str
    holds: Callable[[Any], bool]
    says: str
    facts: tuple[str, ...] = ()

    @property
    def summary(self) -> str:
        """The message without the values of a particular object."""
        return re.sub(r" \([^()]*%[ds][^()]*\)", "", self.says)

    def message(self, block: Block) -> str:
        """What the author of a block that breaks this rule is told."""
        return self.says % tuple(_fact(expression, block) for expression in self.facts)


@dataclass(frozen=True, slots=True)
class Immutable:
    """A field that keeps the value it was created with."""

    on: type[Block]
    field: str
    says: str


def in_cel(name: str) -> str:
    """A field's name as CEL has it: `ephemeral-storage` has no letter for its dash."""
    return name.replace("-", _DASH)


def from_cel(name: str) -> str:
    """The field that CEL calls by this name."""
    return name.replace(_DASH, "-")


def _fact(expression: str, block: Block) -> object:
    parts = _FACT.fullmatch(expression)
    if parts is None:
        raise AssertionError(f"{expression!r} is no fact of a rule; this is a bug")
    value: Any = block
    for name in parts["path"].split("."):
        value = getattr(value, to_snake(from_cel(name)))
    if isinstance(value, float) and value.is_integer():
        return int(value)  # the API server writes 1 for 1.0
    return len(value) if parts["call"] else value
