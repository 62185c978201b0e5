"""A pod that ends answers what still comes, and sends its clients away in peace."""

from __future__ import annotations

import signal
import threading
import time
from collections import Counter

import httpx
import pytest
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from tests.support.processes import Predictor, running
from tests.support.tensors import text_tensor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


def test_a_client_is_answered_and_told_to_connect_anew_while_the_pod_drains(tmp_path):
    with running(tmp_path, drain_delay_s=8) as predictor:
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


def keep_calling(predictor: Predictor, seen: Counter[str]) -> None:
    client = tritonclient.grpc.InferenceServerClient(predictor.grpc)
    tensors = [text_tensor(tritonclient.grpc, "text", ["a text"])]
    while predictor.process.poll() is None:
        try:
            client.infer("embedder", tensors, client_timeout=60)
            seen["answered"] += 1
        except InferenceServerException as error:
            seen[str(error.status())] += 1
    client.close()


def test_a_call_that_crosses_the_end_is_answered_or_may_be_sent_again(tmp_path):
    seen: Counter[str] = Counter()
    with running(tmp_path, drain_delay_s=1) as predictor:
        callers = [threading.Thread(target=keep_calling, args=(predictor, seen)) for _ in range(4)]
        for caller in callers:
            caller.start()
        time.sleep(1)
        predictor.process.send_signal(signal.SIGTERM)
        assert predictor.process.wait(60) == 0
        for caller in callers:
            caller.join()
    assert seen.pop("answered") > 0
    assert set(seen) <= {"StatusCode.UNAVAILABLE", "StatusCode.CANCELLED"}
