"""Every metric of the operator. What the store knows is read when it is scraped.

Gauges of services come from their written status: a service that is gone leaves no series behind.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from retrieval_operator.world import NODE, SERVICE, Store

PREFIX: Final = "retrieval_operator_"
_PASS_S: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60)
_VALUES: Final = {"True": 1.0, "False": 0.0}
_UNKNOWN: Final = -1.0


@dataclass(frozen=True, slots=True)
class Reading:
    """One number that is read at scrape time."""

    name: str
    meaning: str
    value: Callable[[], float]


class Metrics:
    """The operator's metrics in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._passes = Counter(
            f"{PREFIX}reconcile",
            "Passes over a service, by result: done, retried, refused, lost, failed.",
            ["result"],
            registry=self.registry,
        )
        self._pass_s = Histogram(
            f"{PREFIX}reconcile_duration_seconds",
            "Time of one pass.",
            buckets=_PASS_S,
            registry=self.registry,
        )
        self._applied = Counter(
            f"{PREFIX}applied_objects",
            "Objects handled by a pass, by kind and result: applied, unchanged, failed, pruned.",
            ["kind", "result"],
            registry=self.registry,
        )
        self._requests = Counter(
            f"{PREFIX}api_requests",
            "Requests to the API server besides the watch, by method and code (0: no answer).",
            ["method", "code"],
            registry=self.registry,
        )
        self._status_writes = Counter(
            f"{PREFIX}status_writes", "Statuses written.", registry=self.registry
        )

    def passed(self, result: str, duration_s: float) -> None:
        """One pass has ended."""
        self._passes.labels(result).inc()
        self._pass_s.observe(duration_s)

    def applied(self, kind: str, result: str) -> None:
        """One object has been handled."""
        self._applied.labels(kind, result).inc()

    def requested(self, method: str, code: int) -> None:
        """One request has been answered, or not (code 0)."""
        self._requests.labels(method, str(code)).inc()

    def status_written(self) -> None:
        """One status has been written."""
        self._status_writes.inc()

    def watch(self, world: Store, readings: tuple[Reading, ...]) -> None:
        """Show these numbers and what the store knows, from now on."""
        self.registry.register(_Services(world))
        self.registry.register(_Readings(readings))

    def exposition(self) -> bytes:
        """Everything in Prometheus' text format."""
        return generate_latest(self.registry)


class _Readings(Collector):
    def __init__(self, readings: tuple[Reading, ...]) -> None:
        self._readings = readings

    def collect(self) -> Iterator[Metric]:
        for reading in self._readings:
            name = f"{PREFIX}{reading.name}"
            yield GaugeMetricFamily(name, reading.meaning, value=reading.value())


class _Services(Collector):
    """Conditions, pods and plans of every service, as their statuses say."""

    def __init__(self, world: Store) -> None:
        self._world = world

    def collect(self) -> Iterator[Metric]:
        families = _families()
        services = self._world.all(SERVICE)
        for service in services:
            metadata, status = service["metadata"], service.get("status") or {}
            where = [str(metadata.get("namespace")), str(metadata.get("name"))]
            for one in status.get("conditions") or ():
                families["condition"].add_metric(
                    [*where, str(one.get("type"))],
                    _VALUES.get(str(one.get("status")), _UNKNOWN),
                )
            for name, component in (status.get("components") or {}).items():
                _component(families, [*where, name], component)
        families["services"].add_metric([], len(services))
        families["nodes"].add_metric([], len(self._world.all(NODE)))
        yield from families.values()


def _families() -> dict[str, GaugeMetricFamily]:
    where = ["namespace", "service"]
    component = [*where, "component"]
    shape = {
        "condition": ("Conditions of services: 1 True, 0 False, -1 Unknown.", [*where, "type"]),
        "replicas": ("Pods of a component: desired, updated, ready.", [*component, "state"]),
        "planned_memory_bytes": (
            "Memory one pod is expected to take, of the gpu or of the host.",
            [*component, "memory"],
        ),
        "available_memory_bytes": (
            "Memory that the plan found for one pod, of the gpu or of the host.",
            [*component, "memory"],
        ),
        "planned_max_batch_tokens": ("Real tokens in one planned forward pass.", component),
        "services": ("RetrievalServices that are followed.", []),
        "nodes": ("Nodes that are followed.", []),
    }
    return {
        name: GaugeMetricFamily(f"{PREFIX}{name}", meaning, labels=labels)
        for name, (meaning, labels) in shape.items()
    }


def _component(
    families: Mapping[str, GaugeMetricFamily], where: list[str], component: Mapping[str, Any]
) -> None:
    for state, count in (component.get("replicas") or {}).items():
        families["replicas"].add_metric([*where, state], float(count))
    plan = component.get("plan") or {}
    if "maxBatchTokens" in plan:
        families["planned_max_batch_tokens"].add_metric(where, float(plan["maxBatchTokens"]))
    for field, memory in (("gpuMemory", "gpu"), ("memory", "host")):
        budget = plan.get(field) or {}
        for name in ("planned", "available"):
            if f"{name}Bytes" in budget:
                families[f"{name}_memory_bytes"].add_metric(
                    [*where, memory], float(budget[f"{name}Bytes"])
                )
