"""`retrieval top` shows the load of a running predictor, and says when one does not answer."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.support.ports import free_ports
from tests.support.processes import Predictor, running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]
TOP = [sys.executable, "-m", "retrieval_operator.cli", "top", "--once", "--interval-seconds", "5"]
PACE_S = 0.2
TEXTS = 4


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Iterator[Predictor]:
    folder = tmp_path_factory.mktemp("topped")
    with running(folder, component="embedder", planned_memory_bytes=2**31) as one:
        yield one


@contextmanager
def asked(predictor: Predictor) -> Iterator[None]:
    """Requests of new texts, five a second, until the block ends."""
    over = threading.Event()

    def ask() -> None:
        number = 0
        while not over.wait(PACE_S):
            number += 1
            texts = [f"question {number} of {part}" for part in range(TEXTS)]
            assert predictor.post("/v1/embeddings", json={"input": texts}).status_code == 200

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def top(*urls: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*TOP, *urls], capture_output=True, text=True, timeout=60, check=False)


def row(text: str, name: str) -> str:
    """The cell of the first component in a line of the table."""
    (found,) = re.findall(rf"^\s*{re.escape(name)}\s\s+(.+?)\s*$", text, re.MULTILINE)
    return found


def test_the_table_shows_the_load_that_is_sent(predictor):
    with asked(predictor):
        done = top(predictor.url)
    assert done.returncode == 0, done.stdout + done.stderr
    assert 0 < float(row(done.stdout, "requests/s")) <= 1 / PACE_S + 0.5
    assert float(row(done.stdout, "texts a batch")) == TEXTS
    assert row(done.stdout, "state") == "ready"
    assert row(done.stdout, "cache hits") == "0%"
    assert re.fullmatch(r"RSS \d\.\d\d Gi of 2.00 planned \(\d+%\)", row(done.stdout, "memory"))
    for part in ("duration p50 / p99", "queue wait p50 / p99"):
        assert len(re.findall(r"[\d.]+ m?s", row(done.stdout, part))) == 2


def test_without_load_there_are_no_latencies_to_show(predictor):
    done = top(predictor.url)
    assert row(done.stdout, "requests/s") == "0"
    assert row(done.stdout, "queue wait p50 / p99") == "– / –"


def test_a_predictor_that_does_not_answer_is_named_and_ends_with_1(predictor):
    (port,) = free_ports(1)
    done = top(predictor.url, f"http://127.0.0.1:{port}")
    assert done.returncode == 1
    address = f"127.0.0.1:{port}"
    assert f"{address}: no answer, cannot connect to http://{address}" in done.stdout
    assert "Traceback" not in done.stderr
