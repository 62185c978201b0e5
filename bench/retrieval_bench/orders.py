"""What a command line asks for, checked and complete: one frozen order per command."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from retrieval_bench.arrivals import Arrivals, Closed, Stop
from retrieval_bench.corpus import Corpus
from retrieval_bench.results import Work
from retrieval_bench.search import Limits, Rule
from retrieval_bench.targets import Target


@dataclass(frozen=True, slots=True)
class Bench:
    """What all loads share: the requests, the client, and where the result goes (None: nowhere)."""

    corpus: Corpus
    work: Work
    client_processes: int
    verify: bool
    output: Path | None


@dataclass(frozen=True, slots=True)
class RunOrder:
    """One load on one server."""

    bench: Bench
    target: Target
    arrivals: Arrivals
    stop: Stop
    rule: Rule | None


@dataclass(frozen=True, slots=True)
class SearchOrder:
    """The largest load of one server; `limits` count steps of `step` requests, or requests/s.

    `probe_s` is the duration of a probe at a rate; bursts take the time they take.
    """

    bench: Bench
    target: Target
    by: Literal["burst", "rate"]
    rule: Rule
    limits: Limits
    step: float
    probe_s: float


@dataclass(frozen=True, slots=True)
class CompareOrder:
    """The same load on several servers in turn; ratios are to the first."""

    bench: Bench
    targets: tuple[Target, ...]
    arrivals: Arrivals
    stop: Stop
    rule: Rule | None
    rounds: int


@dataclass(frozen=True, slots=True)
class CeilingOrder:
    """How fast the client itself is, against a server that computes nothing."""

    bench: Bench
    arrivals: Closed
    stop: Stop
    dialect: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class AgreeOrder:
    """The same requests to two servers; answers are to agree to `least` (None: not judged)."""

    bench: Bench
    targets: tuple[Target, Target]
    requests: int
    least: float | None


@dataclass(frozen=True, slots=True)
class ReportOrder:
    """Results from files on one page, or as one picture, by the suffix of `output`."""

    results: tuple[Path, ...]
    output: Path


MeasuringOrder = RunOrder | SearchOrder | CompareOrder | CeilingOrder | AgreeOrder
Order = MeasuringOrder | ReportOrder
