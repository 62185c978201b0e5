"""Everything the operator raises on purpose, and who can act on it.

    OperatorError
    └── AuthorError         whoever wrote the object or the command changes it
        ├── SpecError           the object breaks the schema or a rule
        ├── BadQuantity         a text that is no Kubernetes quantity
        ├── UnknownField        a path that no field of the object has
        ├── BrokenCheckpoint    a folder that holds no readable checkpoint (facts/checkpoint.py)
        ├── BadInventory        a node list that tells nothing about nodes (inventory/reading.py)
        ├── BadFile             a file that is not what it should be (cli/documents.py)
        └── PortTaken           a port that something else listens on (local/predictors.py)

Constructors take facts and the message is built from them, so that a condition, a log line and a
test read the same numbers. A plan that does not fit is no error: the planner returns a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar


@dataclass(eq=False)
class OperatorError(Exception):
    """The root of the tree; only its leaves are raised."""

    code: ClassVar[str] = "error"

    @classmethod
    def leaves(cls) -> Iterator[type[OperatorError]]:
        """Every class below this one that can be raised."""
        for child in cls.__subclasses__():
            if "code" in child.__dict__:
                yield child
            yield from child.leaves()


@dataclass(eq=False)
class AuthorError(OperatorError):
    """The same input will fail again; its author has to change it."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an object.

    `path` is written as the author would write it (`spec.embedder.podTemplate.env[0].name`), `got`
    is what stands there as JSON ("nothing" where a field is missing), `wanted` says what belongs
    there or what to change.
    """

    path: str
    got: str
    wanted: str

    def __str__(self) -> str:
        return f"{self.path}: got {self.got}, {self.wanted}"


@dataclass(eq=False)
class SpecError(AuthorError):
    """The object breaks the schema or a rule; `problems` holds everything wrong with it."""

    code: ClassVar[str] = "InvalidSpec"
    problems: tuple[Problem, ...]

    def __str__(self) -> str:
        return "\n".join(str(problem) for problem in self.problems)


@dataclass(eq=False)
class BadQuantity(AuthorError):
    """A text that is no Kubernetes quantity, or a negative one."""

    code: ClassVar[str] = "BadQuantity"
    got: str

    def __str__(self) -> str:
        return (
            f"{self.got} is no quantity: write a number with an optional unit, "
            "such as 24Gi, 500M, 4 or 250m"
        )


@dataclass(eq=False)
class UnknownField(AuthorError):
    """No field of the object has this path; `nearest` holds the paths most like it."""

    code: ClassVar[str] = "UnknownField"
    path: str
    nearest: tuple[str, ...]

    def __str__(self) -> str:
        likely = " or ".join(self.nearest)
        hint = f"; did you mean {likely}?" if likely else "; `retrieval explain` lists them"
        return f"no field {self.path}{hint}"
