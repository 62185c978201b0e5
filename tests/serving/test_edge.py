"""The edge in force: limits that change while serving, keys, fair turns, early and cheap refusals,
two engines, and counters that add up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import tritonclient.grpc as triton
from tritonclient.utils import InferenceServerException

from tests.support import faulty
from tests.support.metrics import metric, pids, workers
from tests.support.processes import Predictor, running, wait_until_ready
from tests.support.tensors import text_tensor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

KEY = {"authorization": "Bearer alpha"}
OTHER = {"authorization": "Bearer beta"}
LIMITS = {"maxBatchTokens": 600, "maxQueueTokens": 3000}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("edge")
    (folder / "keys").write_text("alpha\nbeta\n")
    swap(folder / "limits.json", json.dumps(LIMITS))
    return folder


@pytest.fixture(scope="module")
def predictor(folder: Path) -> Iterator[Predictor]:
    """Four workers before two slow engines, with keys and a file of limits."""
    checkpoint = faulty.faulty_bert(folder / "model", pause_s=0.02)
    with running(
        folder / "run",
        model__uri=f"file://{checkpoint}",
        model__trust_remote_code=True,
        workers=4,
        engines=2,
        batching__max_batch_tokens=1024,
        auth__api_keys_file=folder / "keys",
        limits_file=folder / "limits.json",
    ) as one:
        yield one


def swap(path: Path, content: str) -> None:
    """Replace a file at once, as the kubelet does."""
    fresh = path.with_suffix(".new")
    fresh.write_text(content)
    fresh.replace(path)


def read(predictor: Predictor, name: str, **labels: str) -> float:
    return metric(predictor.get("/metrics").text, name, **labels)


def get(predictor: Predictor, path: str) -> dict:
    return httpx.get(predictor.url + path, headers=KEY, timeout=30).json()


def until(condition, timeout_s: float = 60.0) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline_s, "it never came true"
        time.sleep(0.1)


def test_a_file_of_limits_is_in_force_from_the_start_and_shown(predictor: Predictor):
    info = get(predictor, "/info")
    assert info["limits"]["max_queue_tokens"] == 3000
    assert info["settings"]["batching"]["max_queue_tokens"] == 262_144
    assert info["engines"] == ["ready", "ready"]
    until(lambda: get(predictor, "/stats")["max_batch_tokens"] == 600)


def test_limits_change_without_a_restart_and_a_bad_file_changes_nothing(predictor, folder: Path):
    engines = pids(predictor)["engine"]
    swap(folder / "limits.json", json.dumps({**LIMITS, "maxQueueTokens": 4000}))
    until(lambda: get(predictor, "/stats")["max_queue_tokens"] == 4000)
    swap(folder / "limits.json", json.dumps({**LIMITS, "maxBatchTokens": 9999}))
    until(lambda: read(predictor, "retrieval_limits_refused") == 1)
    until(lambda: "9999 is above 1024" in str(get(predictor, "/info")["limits_problem"]))
    assert get(predictor, "/stats")["max_queue_tokens"] == 4000
    swap(folder / "limits.json", json.dumps(LIMITS))
    until(lambda: get(predictor, "/stats")["max_queue_tokens"] == 3000)
    until(lambda: read(predictor, "retrieval_limits_refused") == 0)
    assert pids(predictor)["engine"] == engines


@pytest.mark.parametrize(
    ("path", "body", "shape"),
    [
        ("/v1/embeddings", {"input": "a"}, "error"),
        ("/embed", {"inputs": "a"}, "error_type"),
        ("/v2/models/embedder/infer", {"inputs": []}, "error"),
    ],
)
def test_whoever_has_no_key_is_refused_in_the_routes_dialect(predictor, path, body, shape):
    answer = predictor.post(path, json=body)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    assert shape in answer.json()
    assert "alpha" not in answer.text


def test_health_and_metrics_are_open_and_settings_are_not(predictor: Predictor):
    opened = ("/health", "/v2/health/live", "/v2/health/ready", "/metrics", "/v2/models/embedder")
    assert [predictor.get(path).status_code for path in opened] == [200] * 5
    assert [predictor.get(path).status_code for path in ("/info", "/stats", "/v1/models")] == [
        401,
        401,
        401,
    ]


def test_grpc_asks_for_a_key_too(predictor: Predictor):
    with triton.InferenceServerClient(predictor.grpc) as client:
        tensors = [text_tensor(triton, "text", ["a loaf of bread"])]
        assert client.is_server_live()
        with pytest.raises(InferenceServerException) as refused:
            client.infer("embedder", tensors)
        assert "UNAUTHENTICATED" in str(refused.value.status())
        answer = client.infer("embedder", tensors, headers=KEY)
    assert answer.as_numpy("embedding").shape == (1, 48)


DIGITS = ("bread", "water", "flour", "loaf", "home", "days", "gains", "layer", "stack", "is")
"""Words that ask for no fault; the vocabulary has no digits, so figures would all be one text."""


def spelled(number: int) -> str:
    return " ".join(DIGITS[int(digit)] for digit in str(number))


def body_of(number: int) -> dict:
    return {"inputs": f"{spelled(number)} " + "water " * 40}


async def test_one_clients_flood_neither_delays_nor_refuses_another_client(predictor: Predictor):
    """With 3000 tokens of room the flood of 400 x 45 is refused in part; the guest never is."""
    flood: Counter[int] = Counter()
    waits: list[float] = []
    limits = httpx.Limits(max_connections=400)
    async with (
        httpx.AsyncClient(base_url=predictor.url, timeout=120, limits=limits) as many,
        httpx.AsyncClient(base_url=predictor.url, timeout=120) as one,
        asyncio.TaskGroup() as tasks,
    ):

        async def flooder(first: int) -> None:
            for number in range(first, first + 4000, 400):
                answer = await many.post("/embed", json=body_of(number), headers=KEY)
                flood[answer.status_code] += 1
                if answer.status_code == 429:
                    assert int(answer.headers["retry-after"]) >= 1

        flooders = [tasks.create_task(flooder(number)) for number in range(400)]
        await asyncio.sleep(2)
        while not all(task.done() for task in flooders) and len(waits) < 20:
            started_s = time.perf_counter()
            answer = await one.post("/embed", json=body_of(10**6 + len(waits)), headers=OTHER)
            assert answer.status_code == 200
            waits.append(time.perf_counter() - started_s)
    assert sum(flood.values()) == 4000
    assert set(flood) <= {200, 429}


def test_every_counter_adds_up(predictor: Predictor):
    """Known requests through four workers and two engines; one of each dies in the middle."""
    until(lambda: get(predictor, "/info")["engines"] == ["ready", "ready"], 180)
    before = predictor.get("/metrics").text
    sent: Counter[int] = Counter()
    for part in range(2):
        for number in range(25):
            texts = [spelled(10**6 * (part + 1) + 4 * number + text) for text in range(4)]
            sent[predictor.post("/embed", json={"inputs": texts}, headers=KEY).status_code] += 1
        for _ in range(5):
            sent[predictor.post("/embed", content=b"{", headers=KEY).status_code] += 1
        sent[predictor.post("/embed", json={"inputs": "a"}).status_code] += 1
        if part == 0:
            os.kill(workers(predictor)[-1], signal.SIGKILL)
            os.kill(int(pids(predictor)["engine"]), signal.SIGKILL)
            until(lambda: "waiting for the engine" in get(predictor, "/info")["engines"])
    wait_until_ready(predictor)
    after = predictor.get("/metrics").text

    def grown(name: str, **labels: str) -> float:
        return metric(after, name, **labels) - metric(before, name, **labels)

    assert sent == {200: 50, 400: 10, 401: 2}
    assert {status: grown("retrieval_requests_total", code=str(status)) for status in sent} == sent
    assert grown("retrieval_request_duration_seconds_count") == 50
    assert grown("retrieval_tokenise_seconds_count") == 50
    assert grown("retrieval_batch_size_sum") == 200
    assert grown("retrieval_queue_wait_seconds_count") == 50
    assert grown("retrieval_input_tokens_total") == grown("retrieval_batch_tokens_sum")
    parts_s = [
        grown(f"retrieval_{part}_seconds_sum") for part in ("tokenise", "queue_wait", "forward")
    ]
    total_s = grown("retrieval_request_duration_seconds_sum")
    assert min(parts_s) > 0
    assert 0.3 * total_s < sum(parts_s) < total_s
    assert parts_s[-1] >= 0.02 * grown("retrieval_forward_seconds_count")
    assert grown("retrieval_cache_hits_total") == 0
    assert grown("retrieval_cache_misses_total") == 200


def test_one_engines_death_leaves_the_pod_ready(predictor: Predictor):
    until(lambda: get(predictor, "/info")["engines"] == ["ready", "ready"], 180)
    os.kill(int(pids(predictor)["engine"]), signal.SIGKILL)
    until(lambda: "waiting for the engine" in get(predictor, "/info")["engines"])
    for number in range(20):
        assert predictor.get("/v2/health/ready").status_code == 200
        answer = predictor.post("/embed", json={"inputs": spelled(number)}, headers=KEY)
        assert answer.status_code == 200
    until(lambda: get(predictor, "/info")["engines"] == ["ready", "ready"], 180)
