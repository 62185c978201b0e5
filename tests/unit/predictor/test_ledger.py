"""What a process counted outlives it, and a full disk costs counts, not requests."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.multiprocess import MultiProcessCollector

from retrieval_predictor.telemetry import ledger
from retrieval_predictor.wire import processes

_COUNT = """
import resource, sys
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
from retrieval_predictor.telemetry import metrics
metrics.cache_hits.inc(int(sys.argv[1]))
metrics.forward_s.observe(0.5)
metrics.queue_tokens.set(7)
print(metrics.cache_hits._value.get())
"""


def counted(folder: Path, hits: int, file_bytes: int = 2**20) -> tuple[int, str]:
    """A process that counts and dies: its id and what it wrote."""
    child = subprocess.Popen(
        [sys.executable, "-c", _COUNT, str(hits), str(file_bytes)],
        env={**os.environ, ledger.FOLDER_VARIABLE: str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output, _ = child.communicate(timeout=60)
    assert child.returncode == 0, output
    return child.pid, output


def page(folder: Path) -> str:
    registry = CollectorRegistry()
    MultiProcessCollector(registry, str(folder))
    return generate_latest(registry).decode()


def test_the_dead_keep_their_counts_lose_their_gauges_and_leave_one_file_a_kind(tmp_path: Path):
    for hits in (3, 4):
        pid, _ = counted(tmp_path, hits)
        assert "retrieval_queue_tokens 7.0" in page(tmp_path)
        ledger.bury(tmp_path, pid)
    shown = page(tmp_path)
    assert "retrieval_cache_hits_total 7.0" in shown
    assert "retrieval_forward_seconds_count 2.0" in shown
    assert 'retrieval_forward_seconds_bucket{le="0.5"} 2.0' in shown
    assert "retrieval_queue_tokens 7.0" not in shown
    assert sorted(path.name for path in tmp_path.glob("*.db")) == [
        "counter_0.db",
        "histogram_0.db",
    ]


def test_a_process_without_room_for_its_counts_works_on_and_says_so(tmp_path: Path):
    _, output = counted(tmp_path, 5, file_bytes=1024)
    assert "metrics_lost" in output
    assert output.strip().endswith("5.0")
    assert list(tmp_path.glob("*.db")) == []


def test_burying_who_never_counted_changes_nothing(tmp_path: Path):
    ledger.bury(tmp_path, 12345)
    assert list(tmp_path.glob("*.db")) == []


def test_the_dead_are_struck_off_the_list_once(tmp_path: Path):
    processes.sign(tmp_path, "engine")
    pid, _ = counted(tmp_path, 1)
    (tmp_path / "processes" / f"api-{pid}").touch()
    assert list(processes.strike_dead(tmp_path)) == [pid]
    assert list(processes.strike_dead(tmp_path)) == []
    assert [member.pid for member in processes.members(tmp_path)] == [os.getpid()]


def test_a_beat_is_seen_and_a_stranger_has_none(tmp_path: Path):
    processes.sign(tmp_path, "engine")
    path = tmp_path / "processes" / f"engine-{os.getpid()}"
    os.utime(path, ns=(1, 1))
    processes.beat(tmp_path, "engine")
    assert processes.last_beat_ns(tmp_path, "engine", os.getpid()) > 1
    assert processes.last_beat_ns(tmp_path, "engine", 1) == 0


@pytest.mark.parametrize("pid", [1, 2**22])
def test_a_gauge_of_another_process_stays(tmp_path: Path, pid: int):
    (tmp_path / f"gauge_livesum_{pid}.db").touch()
    ledger.bury(tmp_path, pid + 1)
    assert (tmp_path / f"gauge_livesum_{pid}.db").exists()
