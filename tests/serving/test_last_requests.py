"""A pod that ends answers what still comes, and sends its clients away in peace."""

from __future__ import annotations

import signal
import time

import httpx
import pytest

from tests.support.processes import running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


def test_a_client_is_answered_and_told_to_connect_anew_while_the_pod_drains(tmp_path):
    with running(tmp_path, drain_delay_s=3) as predictor:
        with httpx.Client(base_url=predictor.url, timeout=30) as client:
            before = client.post("/embed", json={"inputs": "a text"})
            predictor.process.send_signal(signal.SIGTERM)
            while predictor.get("/v2/health/ready").status_code == 200:
                time.sleep(0.05)
            after = client.post("/embed", json={"inputs": "a text"})
        status = predictor.process.wait(60)
    assert before.headers.get("connection") is None
    assert (after.status_code, after.headers["connection"]) == (200, "close")
    assert status == 0
