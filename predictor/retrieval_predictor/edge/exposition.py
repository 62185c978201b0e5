"""Render `/metrics` for all processes of this predictor, whichever of them answers."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from retrieval_predictor.telemetry import ledger
from retrieval_predictor.wire.processes import members


class _Memory(Collector):
    """Resident memory of each process, read when it is asked for."""

    def __init__(self, runtime_dir: Path) -> None:
        self._runtime_dir = runtime_dir

    def collect(self) -> Iterator[Metric]:
        family = GaugeMetricFamily(
            "retrieval_process_memory_bytes",
            "Resident memory of a process of this predictor.",
            labels=["process", "pid"],
        )
        for member in members(self._runtime_dir):
            family.add_metric([member.part, str(member.pid)], member.resident_bytes)
        yield family


def render_metrics(runtime_dir: Path, accept: str) -> tuple[bytes, str]:
    """The metrics page and its content type, in the format that the scraper accepts."""
    registry, folder = CollectorRegistry(), os.environ[ledger.FOLDER_VARIABLE]
    MultiProcessCollector(registry, folder)  # type: ignore[no-untyped-call]
    registry.register(_Memory(runtime_dir))
    encode, content_type = choose_encoder(accept)
    with ledger.locked(Path(folder)):
        return encode(registry), content_type
