"""A real Prometheus that scrapes what a test gives it, asked through its HTTP API."""

from __future__ import annotations

import math
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.observability.tools import PROMETHEUS, made
from tests.support.ports import free_ports

SCRAPE_S = 0.5
"""Short, so that the edges of a window, which Prometheus extrapolates, weigh little."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address to scrape, and the labels that a PodMonitor would give its series."""

    address: str
    labels: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    url: str

    def query(self, expr: str, at_s: float | None = None) -> list[dict[str, Any]]:
        """The samples of an instant query; fails with Prometheus' own words."""
        asked = {"query": expr} | ({} if at_s is None else {"time": str(at_s)})
        answer = httpx.get(f"{self.url}/api/v1/query", params=asked, timeout=30).json()
        assert answer["status"] == "success", f"{expr}\n{answer.get('error')}"
        return answer["data"]["result"]

    def value(self, expr: str, at_s: float | None = None) -> float:
        """The one value of an expression."""
        (sample,) = self.query(expr, at_s)
        return float(sample["value"][1])

    def rules(self) -> list[dict[str, Any]]:
        """Every loaded rule with its health and last error."""
        groups = httpx.get(f"{self.url}/api/v1/rules", timeout=30).json()["data"]["groups"]
        return [rule for group in groups for rule in group["rules"]]

    def wait_for(self, expr: str, timeout_s: float = 90.0) -> None:
        """Until an expression has a value that is a number."""
        deadline_s = time.monotonic() + timeout_s
        while not any(math.isfinite(float(one["value"][1])) for one in self.query(expr)):
            assert time.monotonic() < deadline_s, f"no value in {timeout_s} s: {expr}"
            time.sleep(SCRAPE_S / 2)


@contextmanager
def prometheus(
    folder: Path, targets: Sequence[Target], rules: Sequence[Path] = ()
) -> Iterator[Prometheus]:
    """A Prometheus that scrapes the targets; rules are evaluated at the pace of the scrapes."""
    folder.mkdir(parents=True, exist_ok=True)
    (port,) = free_ports(1)
    config = folder / "prometheus.yml"
    config.write_text(yaml.safe_dump(_config(targets, [_quick(rule, folder) for rule in rules])))
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                made(PROMETHEUS),
                f"--config.file={config}",
                f"--storage.tsdb.path={folder / 'data'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    server = Prometheus(f"http://127.0.0.1:{port}")
    try:
        _wait_until_ready(server, process, folder / "log")
        yield server
    finally:
        process.terminate()
        process.wait(timeout=30)


def _config(targets: Sequence[Target], rules: Sequence[Path]) -> dict[str, Any]:
    pace = f"{SCRAPE_S * 1000:.0f}ms"
    static = [{"targets": [one.address], "labels": dict(one.labels)} for one in targets]
    return {
        "global": {"scrape_interval": pace, "scrape_timeout": pace, "evaluation_interval": pace},
        "rule_files": [str(rule) for rule in rules],
        "scrape_configs": [
            {"job_name": "retrieval", "honor_labels": True, "static_configs": static}
        ],
    }


def _quick(rules: Path, folder: Path) -> Path:
    """The same rules, evaluated at the pace of a test."""
    document = yaml.safe_load(rules.read_text(encoding="utf-8"))
    for group in document["groups"]:
        del group["interval"]
    copy = folder / rules.name
    copy.write_text(yaml.safe_dump(document))
    return copy


def _wait_until_ready(server: Prometheus, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        assert process.poll() is None, f"Prometheus ended:\n{log.read_text()}"
        try:
            if httpx.get(f"{server.url}/-/ready", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)
    raise AssertionError(f"Prometheus is not ready:\n{log.read_text()}")
