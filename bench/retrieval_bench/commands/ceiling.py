"""`ceiling`: how many requests a second this client can send and check, on this machine."""

from __future__ import annotations

from retrieval_bench.commands.run import run
from retrieval_bench.echo import echo
from retrieval_bench.orders import CeilingOrder, RunOrder
from retrieval_bench.results import Conditions, RunResult
from retrieval_bench.screen import Screen
from retrieval_bench.targets import Target


def ceiling(order: CeilingOrder, conditions: Conditions, screen: Screen) -> RunResult:
    """A closed loop against a process that answers at once with vectors made beforehand."""
    with echo(order.bench.work.texts_per_request, order.dimensions) as (port, pid):
        target = Target("echo", f"http://127.0.0.1:{port}", order.dialect, pids=(pid,))
        loading = RunOrder(order.bench, target, order.arrivals, order.stop, rule=None)
        return run(loading, conditions, screen)
