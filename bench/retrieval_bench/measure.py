"""One load, measured on both sides: warm-up, the load itself, the server's CPU, and its answers.

The order matters. Warm-up uses requests that are not measured; the server's CPU is read right
before and after the load; answers are verified last, when nothing else is on its way.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache

from retrieval_bench import asked, gpu, stats
from retrieval_bench.arrivals import Arrivals, Burst, Closed, Stop
from retrieval_bench.corpus import Corpus
from retrieval_bench.cpu import ProcessTrees
from retrieval_bench.dialects import speak
from retrieval_bench.dialects.wire import Rows
from retrieval_bench.errors import ServerSilent
from retrieval_bench.fleet import ClientUse, Fleet, Gathered
from retrieval_bench.results import Measured, Server, ServerUse, Work
from retrieval_bench.search import Rule, judge
from retrieval_bench.shard import Assignment
from retrieval_bench.stats import Summary
from retrieval_bench.targets import Target
from retrieval_bench.verify import Verification, sample, verify

WARMUP_CONNECTIONS = 4

SATURATED_RATIO = 0.85
"""Share of a core from which a client process is taken for the bottleneck."""

LATE_S = 0.02
"""Lag of the client from which an open loop was not the load that was asked for."""

LOOKS_APART = 10
"""Ticks of a running load between two looks at the server's processes: about a second."""

_ANEW = ("cache-control", "no-store")
"""What this project's predictor takes for a wish to have rows computed (RFC 9111, 5.2.1.5)."""

Show = Callable[[int], None]
"""Called ten times a second while a load runs, with the number of requests that are over."""


@dataclass(slots=True)
class Lab:
    """Client processes, what they send, and the number of the next request never sent before.

    `verify` asks for the answers of each load to be checked against the same texts sent alone.
    """

    fleet: Fleet
    corpus: Corpus
    work: Work
    verify: bool = True
    next_index: int = 0

    def load(self, target: Target, arrivals: Arrivals, stop: Stop, show: Show) -> Gathered:
        """Carry out a load with requests that were never sent before."""
        gathered = self._load(target, arrivals, stop, show, self.next_index)
        self.next_index = gathered.next_index
        return gathered

    def again(self, target: Target, index: int) -> dict[int, Rows]:
        """The rows of one request, sent alone and computed anew; empty if it was not answered.

        A cache of rows would answer with what it kept of the load, right or wrong.
        """
        target = replace(target, headers=(*target.headers, _ANEW))
        return self._load(target, Closed(1), Stop(requests=1), _unseen, index).kept

    def rows(self, target: Target, requests: int, show: Show) -> dict[int, Rows]:
        """The rows of the first so many requests, as far as they are answered."""
        keep = frozenset(range(requests))
        stop = Stop(requests=requests)
        return self._load(target, Closed(WARMUP_CONNECTIONS), stop, show, 0, keep).kept

    def _load(
        self,
        target: Target,
        arrivals: Arrivals,
        stop: Stop,
        show: Show,
        first: int,
        keep: frozenset[int] | None = None,
    ) -> Gathered:
        assignment = Assignment(
            target=target,
            corpus=self.corpus,
            arrivals=arrivals,
            stop=stop,
            seed=self.work.seed + first,
            timeout_s=self.work.timeout_s,
            first_index=first,
            keep=sample(first) if keep is None else keep,
        )
        return self.fleet.run(assignment, show)


def check(target: Target) -> None:
    """Refuse a target that cannot be loaded, before anything is started.

    Raises:
        UsageError: Its dialect, URL, template or one of its PIDs is wrong.
    """
    speak(target)
    ProcessTrees(target.pids).check()


def warm_up(lab: Lab, target: Target) -> None:
    """Send the warm-up requests, a few at a time, so that connections and caches are not measured.

    Raises:
        ServerSilent: Not one was answered.
        KeyboardInterrupt: The user gave up before the measurement.
    """
    requests = lab.work.warmup_requests
    if not requests:
        return
    gathered = lab.load(target, Closed(WARMUP_CONNECTIONS), Stop(requests=requests), _unseen)
    if gathered.interrupted:
        raise KeyboardInterrupt
    if not gathered.outcomes.answered.any():
        reasons = [message for few in gathered.messages.values() for message in few]
        raise ServerSilent(target.url, len(gathered.outcomes), reasons[0])


def measure(
    lab: Lab, target: Target, arrivals: Arrivals, stop: Stop, rule: Rule | None, show: Show
) -> tuple[Measured, bool]:
    """One load in figures, and whether it was interrupted."""
    trees = ProcessTrees(target.pids)
    hits = asked.hits(target)
    with gpu.watch() as gpu_use:
        before_s = trees.cpu_s()
        gathered = lab.load(target, arrivals, stop, _looking(trees, show))
        cpu_s = trees.cpu_s() - before_s
        gpus = gpu_use()
    cached = cache_warnings(hits, asked.hits(target), lab.work)
    outcomes = gathered.outcomes
    within_s = rule.within_s if rule else None
    summary = stats.summarise(outcomes, lab.work.texts_per_request, within_s)
    verification = _verify(lab, target, gathered)
    measured = Measured(
        server=server(target),
        arrivals=arrivals,
        stop=stop,
        summary=summary,
        timeline=stats.timeline(outcomes),
        curve=stats.curve(outcomes),
        messages=gathered.messages,
        client=gathered.client,
        server_use=_server_use(trees, cpu_s, summary) if target.pids else None,
        gpus=gpus,
        verdict=judge(outcomes, rule) if rule else None,
        verification=verification,
        warnings=(*cached, *_warnings(arrivals, summary, gathered.client, verification)),
    )
    return measured, gathered.interrupted


def client_warnings(client: ClientUse) -> tuple[str, ...]:
    """What to know about the client before believing a figure."""
    if client.busiest_ratio < SATURATED_RATIO:
        return ()
    message = (
        f"the client used {100 * client.busiest_ratio:.0f} % of a core, so the figures are its"
        " limit and not the server's; give it more --client-processes or a machine of its own"
    )
    return (message,)


def cache_warnings(before: float | None, after: float | None, work: Work) -> tuple[str, ...]:
    """What to know where a load that should not repeat itself was answered from a cache."""
    rose = (after or 0) - (before or 0)
    if work.distinct or before is None or after is None or rose < 1:
        return ()
    message = (
        f"{rose:.0f} texts were answered from the server's cache, so the figures are not those of"
        " its model; use a new --seed, or say --distinct if the cache is what you measure"
    )
    return (message,)


def named(target: Target) -> Target:
    """The target with the model name that its server gives; as it is where it names none.

    A server of several models keeps the name that the dialect asks for.
    """
    if target.model is not None:
        return target
    found = asked.models(target)
    return replace(target, model=found[0]) if len(found) == 1 else target


@cache
def server(target: Target) -> Server:
    """Which server a target is, with what it says of itself."""
    return Server(target.name, target.url, target.dialect, target.model, asked.facts(target))


def _unseen(_: int) -> None:
    """Show nothing."""


def _looking(trees: ProcessTrees, show: Show) -> Show:
    ticks = itertools.count(1)

    def look(done: int) -> None:
        if next(ticks) % LOOKS_APART == 0:
            trees.cpu_s()
        show(done)

    return look


def _server_use(trees: ProcessTrees, cpu_s: float, summary: Summary) -> ServerUse:
    return ServerUse(
        cpu_s=cpu_s,
        cpu_ms_per_request=1000 * cpu_s / summary.answered if summary.answered else None,
        cores_busy=cpu_s / summary.duration_s if summary.duration_s else 0.0,
        memory_bytes=trees.memory_bytes(),
    )


def _verify(lab: Lab, target: Target, gathered: Gathered) -> Verification | None:
    if gathered.interrupted or not lab.verify:
        return None
    alone: dict[int, Rows] = {}
    for index in sorted(gathered.kept):
        alone |= lab.again(target, index)
    return verify(gathered.kept, alone)


def _warnings(
    arrivals: Arrivals,
    summary: Summary,
    client: ClientUse,
    verification: Verification | None,
) -> tuple[str, ...]:
    found = [*client_warnings(client)]
    if not isinstance(arrivals, Closed) and summary.lag_p99_s > LATE_S:
        found.append(
            f"1 % of the requests left {1000 * summary.lag_p99_s:.0f} ms late or more, which their"
            " latency includes; the client could not keep to its times"
        )
    if not isinstance(arrivals, Burst) and not summary.steady:
        found.append("the rate still moved by more than 10 % at the end; run longer")
    if verification and not verification.agrees:
        found.append(
            f"answers under load differ from those of the same texts alone ({verification.measure}"
            f" {verification.worst:.4f}): rows may be swapped between requests"
        )
    return tuple(found)
