"""What is written to a file: figures with everything needed to trace them to a command.

Each file holds one result, `run`, `search` or `compare`, as JSON with the version in `schema`.
Durations are seconds and sizes bytes, as the names say.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from retrieval_bench.agreement import Agreement
from retrieval_bench.arrivals import Arrivals, Stop
from retrieval_bench.errors import UnreadableResult
from retrieval_bench.fleet import ClientUse
from retrieval_bench.gpu import GpuUse
from retrieval_bench.search import Limits, Rule, Verdict
from retrieval_bench.stats import Ratio, Summary, Timeline
from retrieval_bench.verify import Verification


@dataclass(frozen=True, slots=True)
class Conditions:
    """Where, when and how: the client's machine, the moment, and the command as typed.

    Values of headers are left out of the command. `load_average` is that of the minute before.
    """

    date: str
    command: str
    bench_version: str
    host: str
    platform: str
    cpu: str
    cores: int
    memory_bytes: int
    python: str
    load_average: float


@dataclass(frozen=True, slots=True)
class Work:
    """What was sent: the workload's name (or file), texts in a request, seed, distinct requests."""

    workload: str
    texts_per_request: int
    seed: int
    distinct: int | None
    timeout_s: float
    warmup_requests: int


@dataclass(frozen=True, slots=True)
class Server:
    """Which server: its address and protocol, and what it says of itself at `/info`, if it does."""

    name: str
    url: str
    dialect: str
    model: str | None
    info: Any = None


@dataclass(frozen=True, slots=True)
class ServerUse:
    """What a load cost on the server's side; `memory_bytes` is read right after it."""

    cpu_s: float
    cpu_ms_per_request: float | None
    cores_busy: float
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Measured:
    """One load on one server.

    `server_use` is None without PIDs, `verdict` without an objective, `verification` if switched
    off. `messages` holds a few for each way in which requests failed. `curve` is the distribution
    of latency as (quantile, seconds).
    """

    server: Server
    arrivals: Arrivals
    stop: Stop
    summary: Summary
    timeline: Timeline
    curve: tuple[tuple[float, float], ...]
    messages: dict[str, tuple[str, ...]]
    client: ClientUse
    server_use: ServerUse | None
    gpus: tuple[GpuUse, ...]
    verdict: Verdict | None
    verification: Verification | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RunResult:
    """One load on one server, judged by `rule` if there is one."""

    conditions: Conditions
    work: Work
    rule: Rule | None
    measured: Measured
    interrupted: bool
    kind: Literal["run"] = "run"
    schema: Literal["retrieval-bench/1"] = "retrieval-bench/1"


@dataclass(frozen=True, slots=True)
class Probe:
    """One load of a search: its size in the search's unit, and what came of it."""

    load: float
    verdict: Verdict
    summary: Summary


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The largest load that passed; 0 if none did, None if the search was interrupted.

    Loads are requests of a burst, or requests per second; `limits` count steps of `step` of them.
    """

    conditions: Conditions
    work: Work
    rule: Rule
    server: Server
    unit: Literal["requests in 1 s", "requests/s"]
    step: float
    limits: Limits
    largest: float | None
    probes: tuple[Probe, ...]
    client: ClientUse
    warnings: tuple[str, ...]
    interrupted: bool
    kind: Literal["search"] = "search"
    schema: Literal["retrieval-bench/1"] = "retrieval-bench/1"


@dataclass(frozen=True, slots=True)
class Compared:
    """One figure of one server over that of the first: above 1 means more of it."""

    name: str
    figure: str
    ratio: Ratio


@dataclass(frozen=True, slots=True)
class CompareResult:
    """Servers loaded in turn, rounds of the same requests, and their ratios to the first."""

    conditions: Conditions
    work: Work
    rule: Rule | None
    turns: tuple[Measured, ...]
    ratios: tuple[Compared, ...]
    interrupted: bool
    kind: Literal["compare"] = "compare"
    schema: Literal["retrieval-bench/1"] = "retrieval-bench/1"


@dataclass(frozen=True, slots=True)
class AgreeResult:
    """How far the answers of two servers are apart; `worst_text` got the two furthest apart."""

    conditions: Conditions
    work: Work
    servers: tuple[Server, Server]
    agreement: Agreement
    worst_text: str
    least: float | None
    interrupted: bool = False
    kind: Literal["agree"] = "agree"
    schema: Literal["retrieval-bench/1"] = "retrieval-bench/1"

    @property
    def holds(self) -> bool:
        """Whether every answer agrees as far as was asked."""
        if self.least is None:
            return True
        worst = self.agreement.worst
        return worst >= self.least if self.agreement.measure == "cosine" else worst <= self.least


Result = RunResult | SearchResult | CompareResult | AgreeResult

_RESULT: TypeAdapter[Result] = TypeAdapter(Result)


def dump(result: Result) -> bytes:
    """A result as indented JSON."""
    return _RESULT.dump_json(result, indent=2) + b"\n"


def load(path: Path) -> Result:
    """The result in a file.

    Raises:
        UnreadableResult: The file cannot be read, or holds no result of this version.
    """
    try:
        return _RESULT.validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableResult(path, error.strerror or str(error)) from error
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(step) for step in first["loc"])
        raise UnreadableResult(path, f"{where}: {first['msg']}") from error
