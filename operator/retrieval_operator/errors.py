"""Everything the operator raises on purpose, and who can act on it.

    OperatorError
    ├── AuthorError         whoever wrote the object or the command changes it
    │   ├── SpecError           the object breaks the schema or a rule
    │   ├── BadQuantity         a text that is no Kubernetes quantity
    │   ├── UnknownField        a path that no field of the object has
    │   ├── BrokenCheckpoint    a folder that holds no readable checkpoint (facts/checkpoint.py)
    │   ├── BadInventory        a node list that tells nothing about nodes (inventory/reading.py)
    │   ├── BadFile             a file that is not what it should be (cli/documents.py)
    │   ├── BadSettings         an unknown or impossible setting of the operator (settings.py)
    │   ├── PortTaken           a port that something else listens on (local/predictors.py)
    │   ├── NoSuchComponent     a half that the object does not have (cli/cluster.py)
    │   ├── NoSuchPlan          a number that no stored plan has (cli/rollback.py)
    │   ├── NameTaken           an object of that name belongs to somebody else
    │   └── FieldsContested     somebody else keeps changing what the operator sets
    └── ClusterError        the API server did not do what was asked (raised by cluster/)
        ├── NotLoggedIn         no way to reach an API server is configured; the admin acts
        ├── ClusterRefused      forbidden or invalid; the admin of the cluster acts
        ├── KindMissing         the cluster does not serve this kind; the admin installs it
        ├── NotFound            the object is not there
        ├── WebhookUnreachable  an admission webhook does not answer; time, or its admin
        ├── Conflict            somebody else changed the object meanwhile; time
        ├── ClusterUnavailable  overloaded, restarting or out of reach; time
        └── LeadershipLost      another replica leads: nothing more may be written

Constructors take facts and the message is built from them, so that a condition, a log line and a
test read the same numbers. A plan that does not fit is no error: the planner returns a refusal.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from typing import ClassVar

_QUOTE = '"'


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
        """The problem as one line; a value that `wanted` repeats stands there once."""
        is_block = self.got.startswith("{") and "(" in self.wanted
        if is_block or f"({self.got.strip(_QUOTE)})" in self.wanted:
            return f"{self.path}: {self.wanted}"
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


@dataclass(eq=False)
class NameTaken(AuthorError):
    """An object that has to be created exists and belongs to somebody else."""

    code: ClassVar[str] = "NameTaken"
    what: str
    owner: str

    def __str__(self) -> str:
        return (
            f"{self.what} exists and belongs to {self.owner}: delete it, or create this service "
            "under another name"
        )


@dataclass(eq=False)
class FieldsContested(AuthorError):
    """Somebody else changes fields of ours again and again."""

    code: ClassVar[str] = "FieldsContested"
    what: str
    rival: str

    def __str__(self) -> str:
        return (
            f"{self.rival} keeps changing fields of {self.what} that the operator sets: stop it, "
            "or say what it wants in the RetrievalService"
        )


@dataclass(eq=False)
class ClusterError(OperatorError):
    """The API server did not do what was asked of it."""


@dataclass(eq=False)
class NotLoggedIn(ClusterError):
    """Neither a ServiceAccount nor a kubeconfig says how to reach an API server."""

    code: ClassVar[str] = "NotLoggedIn"
    problem: str

    def __str__(self) -> str:
        return (
            f"no API server to talk to: {self.problem}; run in a pod with a ServiceAccount, or "
            "set KUBECONFIG"
        )


@dataclass(eq=False)
class ClusterRefused(ClusterError):
    """The API server understood and said no; the same request will be refused again."""

    code: ClassVar[str] = "ClusterRefused"
    what: str
    status: int
    message: str

    def __str__(self) -> str:
        if self.status == HTTPStatus.FORBIDDEN:
            return f"{self.what} is forbidden: {self.message}"
        return f"{self.what} was refused ({self.status}): {self.message}"


@dataclass(eq=False)
class KindMissing(ClusterError):
    """The cluster serves no such kind: its CustomResourceDefinition is not installed."""

    code: ClassVar[str] = "KindMissing"
    kind: str

    def __str__(self) -> str:
        return f"the cluster has no {self.kind}: install its CustomResourceDefinition"


@dataclass(eq=False)
class NotFound(ClusterError):
    """The object, or its namespace, is not there."""

    code: ClassVar[str] = "NotFound"
    what: str

    def __str__(self) -> str:
        return f"{self.what} is not there"


@dataclass(eq=False)
class WebhookUnreachable(ClusterError):
    """An admission webhook that must be asked does not answer."""

    code: ClassVar[str] = "WebhookUnreachable"
    what: str
    message: str

    def __str__(self) -> str:
        return f"{self.what}: {self.message}"


@dataclass(eq=False)
class Conflict(ClusterError):
    """Somebody else changed the object, or created it first; the next look sees theirs."""

    code: ClassVar[str] = "Conflict"
    what: str

    def __str__(self) -> str:
        return f"{self.what} was changed by somebody else meanwhile"


@dataclass(eq=False)
class ClusterUnavailable(ClusterError):
    """The API server is overloaded, restarting or out of reach.

    `retry_after_s` is what the server asked to wait; 0 where it asked for nothing.
    """

    code: ClassVar[str] = "ClusterUnavailable"
    what: str
    problem: str
    retry_after_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.what}: {self.problem}"


@dataclass(eq=False)
class LeadershipLost(ClusterError):
    """This replica does not lead any more, so it must not write."""

    code: ClassVar[str] = "LeadershipLost"

    def __str__(self) -> str:
        return "another replica leads now"
