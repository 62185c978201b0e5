"""`search`: the largest burst, or the highest rate, that a server still holds."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field, replace

from retrieval_bench import asked, stats
from retrieval_bench.arrivals import Burst, Closed, OpenLoop, Poisson, Stop
from retrieval_bench.fleet import ClientUse, Gathered, fleet
from retrieval_bench.measure import (
    Lab,
    cache_warnings,
    check,
    client_warnings,
    named,
    server,
    warm_up,
)
from retrieval_bench.orders import SearchOrder
from retrieval_bench.results import Conditions, Probe, SearchResult
from retrieval_bench.screen import Screen
from retrieval_bench.search import Verdict, judge, largest

CALM_FACTOR = 2.0
"""A server is calm again when a lone request takes at most this many times what it did."""

CALM_TRIES = 5


def search(order: SearchOrder, conditions: Conditions, screen: Screen) -> SearchResult:
    """Warm up, probe until the limit is found, and report every probe.

    Raises:
        ServerSilent: The server answered no warm-up request.
    """
    order = replace(order, target=named(order.target))
    bench = order.bench
    check(order.target)
    before = asked.hits(order.target)
    with fleet(bench.client_processes) as clients:
        lab = Lab(clients, bench.corpus, bench.work)
        warm_up(lab, order.target)
        found = _Search(lab, order, screen, calm_s=_alone(lab, order))
        steps = found.finish()
    after = asked.hits(order.target)
    return SearchResult(
        conditions=conditions,
        work=bench.work,
        rule=order.rule,
        server=server(order.target),
        unit="requests in 1 s" if order.by == "burst" else "requests/s",
        step=order.step,
        limits=order.limits,
        largest=None if steps is None else steps * order.step,
        probes=tuple(found.probes),
        client=found.client,
        warnings=(*client_warnings(found.client), *cache_warnings(before, after, bench.work)),
        interrupted=steps is None,
    )


@dataclass(slots=True)
class _Search:
    lab: Lab
    order: SearchOrder
    screen: Screen
    calm_s: float
    probes: list[Probe] = field(default_factory=list)
    client: ClientUse = field(default_factory=lambda: ClientUse(0, 0.0, 0.0))

    def finish(self) -> int | None:
        """Follow `largest` to its end; None if the user gave up."""
        finding = largest(self.order.limits)
        try:
            steps = next(finding)
            while True:
                steps = finding.send(self._probe(steps * self.order.step).passed)
        except StopIteration as end:
            return int(end.value)
        except KeyboardInterrupt:
            return None

    def _probe(self, load: float) -> Verdict:
        arrivals, stop = _arrivals(self.order, load)
        with self.screen.progress(self.order.target.name, arrivals, stop) as show:
            gathered = _uninterrupted(self.lab.load(self.order.target, arrivals, stop, show))
        verdict = self._note(load, gathered)
        self._settle()
        return verdict

    def _note(self, load: float, gathered: Gathered) -> Verdict:
        verdict = judge(gathered.outcomes, self.order.rule)
        texts = self.lab.work.texts_per_request
        summary = stats.summarise(gathered.outcomes, texts, self.order.rule.within_s)
        self.probes.append(Probe(load, verdict, summary))
        self.client = max(self.client, gathered.client, key=lambda use: use.busiest_ratio)
        outcome = "passed" if verdict.passed else "failed"
        self.screen.say(f"{load:g}: {outcome}, {verdict.reason}")
        return verdict

    def _settle(self) -> None:
        """Wait until what a probe left in the server's queue is gone."""
        for _ in itertools.repeat(None, CALM_TRIES):
            if _alone(self.lab, self.order) <= CALM_FACTOR * self.calm_s:
                return


def _alone(lab: Lab, order: SearchOrder) -> float:
    """Seconds that the median of three lone requests takes, one after the other."""
    gathered = _uninterrupted(lab.load(order.target, Closed(1), Stop(requests=3), lambda _: None))
    return stats.quantile(gathered.outcomes.latency_s, 0.5)


def _uninterrupted(gathered: Gathered) -> Gathered:
    if gathered.interrupted:
        raise KeyboardInterrupt
    return gathered


def _arrivals(order: SearchOrder, load: float) -> tuple[OpenLoop, Stop]:
    if order.by == "burst":
        return Burst(int(load)), Stop()
    return Poisson(load), Stop(duration_s=order.probe_s)
