"""`run`: one load on one server."""

from __future__ import annotations

from retrieval_bench.fleet import fleet
from retrieval_bench.measure import Lab, check, measure, named, warm_up
from retrieval_bench.orders import RunOrder
from retrieval_bench.results import Conditions, RunResult
from retrieval_bench.screen import Screen


def run(order: RunOrder, conditions: Conditions, screen: Screen) -> RunResult:
    """Warm up, load, and measure.

    Raises:
        ServerSilent: The server answered no warm-up request.
    """
    bench, target = order.bench, named(order.target)
    check(target)
    with fleet(bench.client_processes) as clients:
        lab = Lab(clients, bench.corpus, bench.work, bench.verify)
        warm_up(lab, target)
        with screen.progress(target.name, order.arrivals, order.stop) as show:
            measured, interrupted = measure(
                lab, target, order.arrivals, order.stop, order.rule, show
            )
    return RunResult(conditions, bench.work, order.rule, measured, interrupted)
