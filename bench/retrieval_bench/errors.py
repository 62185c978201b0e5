"""Everything this tool raises on purpose, and who can act on it.

    BenchError
    ├── UsageError              whoever typed the command changes it
    │   ├── UnknownDialect          no such protocol
    │   ├── UnknownWorkload         no such shape of texts
    │   ├── BadTarget               a target that cannot be called
    │   ├── BadCommand              options that do not go together
    │   ├── NoSuchProcess           nothing runs under that PID
    │   └── UnreadableResult        a file that is no result of this version
    ├── ServerSilent            whoever runs the server: not one warm-up request was answered
    ├── ClientDied              a client process of ours ended early; a bug, or the kernel killed it
    └── RequestFailed           nobody: one request failed, and it is counted
        ├── Rejected                the server asks to come back later (429)
        ├── Refused                 any other status than success
        ├── WrongAnswer             success, but not the rows that were asked for
        ├── TimedOut                no answer before the deadline
        └── Unreachable             the connection failed

`RequestFailed` is how one request ends, so each of its leaves carries the ending it is counted as.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from retrieval_bench.outcomes import Ending

EXCERPT_CHARS = 160


class BenchError(Exception):
    """The root of the tree; only its leaves are raised."""


class UsageError(BenchError):
    """The command cannot mean anything as it was typed."""


@dataclass
class UnknownDialect(UsageError):
    """No protocol of that name is spoken here."""

    name: str
    known: tuple[str, ...]

    def __str__(self) -> str:
        return f"unknown dialect {self.name!r}; choose one of {', '.join(self.known)}"


@dataclass
class UnknownWorkload(UsageError):
    """No shape of texts has that name."""

    name: str

    def __str__(self) -> str:
        return (
            f"unknown workload {self.name!r}; write q8 or d100 (that many words a text, 3 or more),"
            " mix (20 to 200 words) or lognormal (median 60 words)"
        )


@dataclass
class BadTarget(UsageError):
    """A target lacks something, or carries something that its dialect has no use for."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass
class BadCommand(UsageError):
    """Options contradict one another, or one lacks another that it needs."""

    reason: str

    def __str__(self) -> str:
        return self.reason


@dataclass
class NoSuchProcess(UsageError):
    """The server whose CPU time was asked for is not running on this machine."""

    pid: int

    def __str__(self) -> str:
        return f"no process {self.pid} here; --pid takes the server's main process on this machine"


@dataclass
class UnreadableResult(UsageError):
    """A file is not a result that this version wrote."""

    path: Path
    reason: str

    def __str__(self) -> str:
        if not self.path.is_file():
            return f"{self.path}: {self.reason}"
        return f"{self.path} is not a result of this version: {self.reason}"


@dataclass
class ServerSilent(BenchError):
    """No warm-up request was answered, so there is nothing to measure."""

    url: str
    sent: int
    reason: str

    def __str__(self) -> str:
        return f"{self.url} answered none of {self.sent} warm-up requests: {self.reason}"


@dataclass
class ClientDied(BenchError):
    """A client process ended before it handed over what it had measured."""

    exit_code: int | None

    def __str__(self) -> str:
        return f"a client process ended with code {self.exit_code} and took its measurements along"


class RequestFailed(BenchError):
    """One request did not get the answer it asked for."""

    ending: ClassVar[Ending]


@dataclass
class Rejected(RequestFailed):
    """The server is full and says so: HTTP 429 or gRPC RESOURCE_EXHAUSTED."""

    status: str
    ending: ClassVar[Ending] = Ending.REJECTED

    def __str__(self) -> str:
        return f"rejected with {self.status}"


@dataclass
class Refused(RequestFailed):
    """The server answered with a status that is neither success nor "come back later"."""

    status: str
    body: str
    ending: ClassVar[Ending] = Ending.REFUSED

    def __str__(self) -> str:
        return f"status {self.status}: {self.body[:EXCERPT_CHARS]}"


@dataclass
class WrongAnswer(RequestFailed):
    """The status said success and the body did not."""

    reason: str
    ending: ClassVar[Ending] = Ending.WRONG_ANSWER

    def __str__(self) -> str:
        return self.reason[:EXCERPT_CHARS]


@dataclass
class TimedOut(RequestFailed):
    """No complete answer arrived in time."""

    timeout_s: float
    ending: ClassVar[Ending] = Ending.TIMED_OUT

    def __str__(self) -> str:
        return f"no answer within {self.timeout_s:g} s"


@dataclass
class Unreachable(RequestFailed):
    """The connection could not be made, or broke before the answer was complete."""

    reason: str
    ending: ClassVar[Ending] = Ending.UNREACHABLE

    def __str__(self) -> str:
        return self.reason[:EXCERPT_CHARS]


@dataclass(eq=False)
class OtherLengths(BenchError):
    """Two servers answer with rows of different lengths."""

    ours: int
    theirs: int

    def __str__(self) -> str:
        return (
            f"the first server's answers have {self.ours} numbers, the second's {self.theirs}: "
            "they serve other models, or cut vectors to other dimensions"
        )


@dataclass(eq=False)
class NothingToCompare(BenchError):
    """No request was answered by both servers."""

    requests: int
    first: int
    second: int

    def __str__(self) -> str:
        return (
            f"of {self.requests} requests the first server answered {self.first} and the second "
            f"{self.second}, none of them both: try `retrieval-bench run` on each"
        )
