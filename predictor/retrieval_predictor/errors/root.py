"""What every error of this process is: facts, a stable name, and a message built from both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(eq=False)
class RetrievalError(Exception):
    """The root of the tree; only its leaves are raised."""

    code: ClassVar[str] = "error"

    def facts(self) -> dict[str, Any]:
        """The numbers and names this error was built from, by field name."""
        return {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}


def leaves(root: type[RetrievalError] = RetrievalError) -> Iterator[type[RetrievalError]]:
    """Every concrete error class below `root`, each once."""
    for child in root.__subclasses__():
        if "code" in child.__dict__:
            yield child
        yield from leaves(child)


def revive(code: str, facts: Mapping[str, Any]) -> RetrievalError:
    """Rebuild an error that crossed a process boundary as its code and facts."""
    by_code = {leaf.code: leaf for leaf in leaves()}
    return by_code[code](**facts)
