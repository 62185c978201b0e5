"""Results of the load generator with all their parts filled in."""

from __future__ import annotations

from retrieval_bench import stats
from retrieval_bench.arrivals import Burst, Stop
from retrieval_bench.fleet import ClientUse
from retrieval_bench.gpu import GpuUse
from retrieval_bench.outcomes import Ending, gather
from retrieval_bench.results import (
    Compared,
    CompareResult,
    Conditions,
    Measured,
    Probe,
    RunResult,
    SearchResult,
    Server,
    ServerUse,
    Work,
)
from retrieval_bench.search import Limits, Rule, judge
from retrieval_bench.stats import Ratio, Summary
from retrieval_bench.verify import Verification
from tests.support import load

RULE = Rule()
WORK = Work("q8", 1, 7, None, 30.0, 64)
CONDITIONS = Conditions(
    date="2026-01-02T03:04:05+00:00",
    command="retrieval-bench run http://h",
    bench_version="0",
    host="host",
    platform="Linux",
    cpu="Some CPU",
    cores=2,
    memory_bytes=2**30,
    python="3.11",
    load_average=0.5,
)
NOTHING = gather([load.outcome(ending=Ending.UNREACHABLE)])
OUTCOMES = gather(
    [load.outcome(0.1 + number / 100, due_s=number / 100) for number in range(97)]
    + [load.outcome(0.001, due_s=0.5, ending=Ending.REJECTED)] * 3
)


def measured(*, name: str = "server", summary: Summary | None = None) -> Measured:
    """A burst of 100 with three rejections."""
    return Measured(
        server=Server(name, "http://h", "openai", None, {"model_id": "m"}),
        arrivals=Burst(100),
        stop=Stop(),
        summary=summary or stats.summarise(OUTCOMES, 1, 3.0),
        timeline=stats.timeline(OUTCOMES),
        curve=stats.curve(OUTCOMES),
        messages={"rejected": ("rejected with 429",)},
        client=ClientUse(1, 0.5, 0.25),
        server_use=ServerUse(1.0, 12.5, 0.5, 2**28),
        gpus=(GpuUse(0, "Some GPU", 0.5, 2**30),),
        verdict=judge(OUTCOMES, RULE),
        verification=Verification(8, "cosine", 0.99999, agrees=True),
        warnings=("something",),
    )


def run(
    *, interrupted: bool = False, name: str = "server", summary: Summary | None = None
) -> RunResult:
    """One load."""
    return RunResult(CONDITIONS, WORK, RULE, measured(name=name, summary=summary), interrupted)


def search() -> SearchResult:
    """A search of two probes."""
    summary = stats.summarise(OUTCOMES, 1, 3.0)
    return SearchResult(
        conditions=CONDITIONS,
        work=WORK,
        rule=RULE,
        server=Server("server", "http://h", "openai", "m"),
        unit="requests in 1 s",
        step=1,
        limits=Limits(),
        largest=100,
        probes=(
            Probe(100, judge(load.outcomes([1.0]), RULE), summary),
            Probe(200, judge(load.outcomes([4.0]), RULE), summary),
        ),
        client=ClientUse(1, 0.5, 0.25),
        warnings=(),
        interrupted=False,
    )


def compare() -> CompareResult:
    """Two servers in one round."""
    return CompareResult(
        conditions=CONDITIONS,
        work=WORK,
        rule=None,
        turns=(measured(name="ours"), measured(name="theirs")),
        ratios=(Compared("theirs", "requests/s", Ratio(2.0, 1.9, 2.1, 7)),),
        interrupted=False,
    )
