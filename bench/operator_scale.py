"""What the operator costs: a cold start with many services and nodes, and then nothing happening.

    python bench/operator_scale.py [--services 200] [--nodes 0] [--idle 60] [--beside CHECKOUT]

Without nodes of its own it runs on the whole test cluster: KServe, and pods played by kwok. With
`--nodes 5000` it runs on the API server alone, which holds that many Nodes as GPU pools have them
(130 labels, 50 images, 30 KB each), all reporting every five minutes as kubelets do, and nobody
makes pods: what is measured is the operator and not the controllers that share the machine.
`--beside` runs another checkout's operator first, on a cluster of its own.

The operator's own cost is its CPU seconds, its memory and its requests; the seconds on the clock
are those of the whole machine.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

sys.path.insert(0, str(Path(__file__).parents[1]))

from retrieval_bench.cpu import ProcessTrees
from tests.cluster.api import INFERENCE_SERVICE, NODE, RETRIEVAL_SERVICE, condition, until
from tests.cluster.lab import Lab, lab
from tests.cluster.nodes import Shape, cpu, node, whole
from tests.cluster.operated import Operated, service

_NAMESPACE: Final = "scale"
_LIMIT_S: Final = 1800.0
_REPORT_S: Final = 300.0
"""How often a kubelet writes the status of a node that does not change."""
_METHODS: Final = ("GET", "PATCH", "POST", "PUT", "DELETE")
_PRODUCTS: Final = ("NVIDIA-L4", "Tesla-T4", "NVIDIA-A100-SXM4-80GB", "NVIDIA-H100-80GB-HBM3")


def main() -> None:
    """Run once for each checkout and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--services", type=int, default=200)
    parser.add_argument("--nodes", type=int, default=0, help="on the API server alone")
    parser.add_argument("--idle", type=float, default=60.0, help="seconds to watch at rest")
    parser.add_argument("--beside", type=Path, help="a checkout whose operator runs first")
    chosen = parser.parse_args()
    for checkout in filter(None, (chosen.beside, Path(__file__).parents[1])):
        print(f"== {checkout.resolve().name}: {chosen.services} services, {chosen.nodes} nodes")
        _run(chosen, checkout.resolve() / "operator")


def _run(chosen: argparse.Namespace, code: Path) -> None:
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder)) as running:
        if chosen.nodes:
            running.install_kinds()
        else:
            running.run()
        _prepare(running, chosen.services, chosen.nodes)
        operator = Operated(
            running, environment={"PYTHONPATH": str(code)}, node_debounce_seconds="5"
        )
        try:
            with _reporting(running, chosen.nodes):
                _cold(running, operator, chosen.services, makes_pods=not chosen.nodes)
                _idle(operator, chosen.idle)
        finally:
            operator.stop()


def _prepare(running: Lab, services: int, nodes: int) -> None:
    metadata = {"name": _NAMESPACE}
    running.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": metadata})
    for number in range(1 + services // 50):
        shape = cpu(cores=1000, memory="4000Gi")
        running.api.create(node(f"{_NAMESPACE}-{number}", shape, _NAMESPACE))
    for number in range(nodes):
        _create_node(running, number)
    for number in range(services):
        running.api.create(service(f"docs-{number}", _NAMESPACE, embedder={"gpu": None}))


def _create_node(running: Lab, number: int) -> None:
    """A Node of a GPU pool; the API server takes its status only from a second request."""
    pool = whole(_PRODUCTS[number % len(_PRODUCTS)], count=8)
    found = {f"feature.node.kubernetes.io/cpu-cpuid.F{one}": "true" for one in range(100)}
    made: dict[str, Any] = node(_node(number), Shape({**pool.labels, **found}, pool.devices), "")
    made["metadata"]["annotations"] = {}
    running.api.create(made)
    images = [
        {"names": [f"registry.example/team-{one}/image@sha256:{one:064x}"] * 3, "sizeBytes": 10**9}
        for one in range(50)
    ]
    running.api.patch_status(NODE, _node(number), {**made["status"], "images": images})


def _node(number: int) -> str:
    return f"gpu-{number}"


@contextmanager
def _reporting(running: Lab, nodes: int) -> Iterator[None]:
    """Every node says every five minutes that it is there, as kubelets do."""
    over = threading.Event()

    def report() -> None:
        number = 0
        while nodes and not over.wait(_REPORT_S / nodes):
            number += 1
            stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
            ready = {"type": "Ready", "status": "True", "lastHeartbeatTime": stamp}
            running.api.patch_status(NODE, _node(number % nodes), {"conditions": [ready]})

    thread = threading.Thread(target=report)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _cold(running: Lab, operator: Operated, count: int, *, makes_pods: bool) -> None:
    """From the start of the process to the last InferenceService, plan and ready pod."""
    began_s = time.monotonic()
    operator.server.begin()
    steps: list[tuple[str, Callable[[], bool]]] = [
        ("InferenceServices applied", lambda: _listed(running, INFERENCE_SERVICE) == count),
        ("statuses with a plan", lambda: _hold(running, "PlanValid") == count),
    ]
    if makes_pods:
        steps.append(("services ready", lambda: _hold(running, "Ready") == count))
    peak = 0
    for what, is_so in steps:
        peak = max(peak, _until(operator, is_so, what))
        took_s = time.monotonic() - began_s
        print(f"{count} {what}: {took_s:6.1f} s, operator {_process(operator).cpu_s():5.1f} CPU s")
    peak = max(peak, _settled(operator))
    print(f"quiet after {time.monotonic() - began_s:.1f} s, {_process(operator).cpu_s():.1f} CPU s")
    for method in _METHODS:
        calls = _calls(operator, method)
        print(f"{method:6} {calls:5.0f} requests, {calls / count:.1f} a service")
    print(f"most memory seen: {peak / 2**20:.0f} MiB resident")


def _until(operator: Operated, is_so: Callable[[], bool], what: str) -> int:
    """Wait, and give the most memory that the operator was seen with."""
    peak = 0

    def look() -> bool:
        nonlocal peak
        peak = max(peak, _process(operator).memory_bytes())
        return is_so()

    until(look, what, _LIMIT_S)
    return peak


def _settled(operator: Operated) -> int:
    """Return once nothing has been written for twenty seconds."""
    before = -1.0

    def look() -> bool:
        nonlocal before
        now = _writes(operator)
        is_same, before = now == before, now
        time.sleep(20.0)
        return is_same

    return _until(operator, look, "nothing is written any more")


def _idle(operator: Operated, spell_s: float) -> None:
    process = _process(operator)
    began, began_s, written = process.cpu_s(), time.monotonic(), _writes(operator)
    passes = operator.metric("retrieval_operator_reconcile_total")
    time.sleep(spell_s)
    took_s = time.monotonic() - began_s
    share = (process.cpu_s() - began) / took_s
    writes = (_writes(operator) - written) * 60 / took_s
    passed = (operator.metric("retrieval_operator_reconcile_total") - passes) * 60 / took_s
    print(
        f"at rest over {took_s:.0f} s: {writes:.1f} writes and {passed:.0f} passes a minute, "
        f"{share:.2%} of a core, {process.memory_bytes() / 2**20:.0f} MiB resident"
    )


def _writes(operator: Operated) -> float:
    """Writes so far; the Lease, which the leader renews, is PUT and does not count."""
    return sum(_calls(operator, method) for method in ("PATCH", "POST", "DELETE"))


def _calls(operator: Operated, method: str) -> float:
    return operator.metric("retrieval_operator_api_requests_total", method=method)


def _listed(running: Lab, kind: str) -> int:
    return len(_all(running, kind))


def _hold(running: Lab, kind: str) -> int:
    found = _all(running, RETRIEVAL_SERVICE)
    return sum(condition(one, kind).get("status") == "True" for one in found)


def _all(running: Lab, kind: str) -> tuple[Any, ...]:
    time.sleep(2.0)  # listing is work for the API server too
    return running.api.list(kind, _NAMESPACE)


def _process(operator: Operated) -> ProcessTrees:
    pid = operator.server.pid
    if pid is None:
        raise SystemExit("the operator has ended; its log says why")
    return ProcessTrees([pid])


if __name__ == "__main__":
    main()
