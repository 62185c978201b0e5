"""What the operator costs: a cold start with many services, and then nothing happening.

    python bench/operator_scale.py [--services 200] [--idle 30]

On the test cluster of tests/cluster: a real API server with KServe, pods played by kwok. Everything
shares this machine, so the operator's own cost is its CPU seconds and
its requests; the seconds on the clock are those of the whole cluster.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from retrieval_bench.cpu import ProcessTrees
from tests.cluster.api import INFERENCE_SERVICE, RETRIEVAL_SERVICE, condition, until
from tests.cluster.lab import Lab, lab
from tests.cluster.nodes import cpu, node
from tests.cluster.operated import Operated, service

_NAMESPACE = "scale"
_LIMIT_S = 600.0


def main() -> None:
    """Run once and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--idle", type=float, default=30.0, help="seconds to watch at rest")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder)) as running:
        running.run()
        _prepare(running, chosen.services)
        operator = Operated(running)
        try:
            _cold(running, operator, chosen.services)
            _settle(operator)
            _idle(operator, chosen.idle)
        finally:
            operator.stop()


def _prepare(running: Lab, count: int) -> None:
    metadata = {"name": _NAMESPACE}
    running.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    for number in range(1 + count // 50):
        shape = cpu(cores=1000, memory="4000Gi")
        running.api.create(node(f"{_NAMESPACE}-{number}", shape, _NAMESPACE))
    for number in range(count):
        running.api.create(service(f"docs-{number}", _NAMESPACE, embedder={"gpu": None}))


def _cold(running: Lab, operator: Operated, count: int) -> None:
    """From the start of the process to the last InferenceService, plan and ready pod."""
    began_s = time.monotonic()
    operator.server.begin()
    steps: tuple[tuple[str, Callable[[], bool]], ...] = (
        ("InferenceServices applied", lambda: _listed(running, INFERENCE_SERVICE) == count),
        ("statuses with a plan", lambda: _hold(running, "PlanValid") == count),
        ("services ready", lambda: _hold(running, "Ready") == count),
    )
    for what, is_so in steps:
        until(is_so, what, _LIMIT_S)
        took_s = time.monotonic() - began_s
        print(f"{count} {what}: {took_s:6.1f} s, operator {_process(operator).cpu_s():5.1f} CPU s")
    for method in ("GET", "PATCH", "POST", "PUT", "DELETE"):
        calls = operator.metric("retrieval_operator_api_requests_total", method=method)
        print(f"{method:6} {calls:5.0f} requests, {calls / count:.1f} a service")


def _settle(operator: Operated) -> None:
    """Return once no pass has been made for five seconds."""
    before = -1.0
    while (now := operator.metric("retrieval_operator_reconcile_total")) != before:
        before = now
        time.sleep(5.0)
    print(f"{before:.0f} passes until nothing moved")


def _idle(operator: Operated, spell_s: float) -> None:
    process = _process(operator)
    began, began_s = process.cpu_s(), time.monotonic()
    time.sleep(spell_s)
    share = (process.cpu_s() - began) / (time.monotonic() - began_s)
    memory_mib = process.memory_bytes() / 2**20
    print(f"at rest: {share:.2%} of a core over {spell_s:.0f} s, {memory_mib:.0f} MiB resident")


def _listed(running: Lab, kind: str) -> int:
    return len(_all(running, kind))


def _hold(running: Lab, kind: str) -> int:
    found = _all(running, RETRIEVAL_SERVICE)
    return sum(condition(one, kind).get("status") == "True" for one in found)


def _all(running: Lab, kind: str) -> tuple[Any, ...]:
    time.sleep(0.5)  # listing is work for the API server too
    return running.api.list(kind, _NAMESPACE)


def _process(operator: Operated) -> ProcessTrees:
    pid = operator.server.pid
    if pid is None:
        raise SystemExit("the operator has not started")
    return ProcessTrees([pid])


if __name__ == "__main__":
    main()
