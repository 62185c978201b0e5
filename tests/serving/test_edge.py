"""The edge in force: limits that change while serving, keys, fair turns, early and cheap refusals,
two engines, and counters that add up."""

from __future__ import annotations

import asyncio
import json
import os
import signal
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
from tests.support.waiting import until

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
        batching__max_queue_wait_milliseconds=0,
        auth__api_keys_file=folder / "keys",
        limits_file=folder / "limits.json",
    ) as one:
        wait_for_both_engines(one)
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


def phases(predictor: Predictor) -> list[str]:
    return get(predictor, "/info")["engines"]


def wait_for_both_engines(predictor: Predictor) -> None:
    until(lambda: phases(predictor) == ["ready", "ready"], 180, looks=10)


def wait_for_a_lost_engine(predictor: Predictor) -> None:
    until(lambda: "waiting for the engine" in phases(predictor), looks=10)


def in_force(predictor: Predictor, limit: str) -> set[int]:
    """A limit as /info shows it and as each engine has it; for a moment they may differ."""
    engines = get(predictor, "/stats").get("engines", ())
    return {get(predictor, "/info")["limits"][limit], *(one[limit] for one in engines)}


def wait_for_limit(predictor: Predictor, limit: str, tokens: int) -> None:
    until(lambda: in_force(predictor, limit) == {tokens}, looks=10)


def test_a_file_of_limits_is_in_force_from_the_start_and_shown(predictor: Predictor):
    wait_for_limit(predictor, "max_queue_tokens", 3000)
    wait_for_limit(predictor, "max_batch_tokens", 600)
    assert get(predictor, "/info")["settings"]["batching"]["max_queue_tokens"] == 262_144


def test_limits_change_without_a_restart_and_a_bad_file_changes_nothing(predictor, folder: Path):
    engines = pids(predictor)["engine"]
    swap(folder / "limits.json", json.dumps({**LIMITS, "maxQueueTokens": 4000}))
    wait_for_limit(predictor, "max_queue_tokens", 4000)
    swap(folder / "limits.json", json.dumps({**LIMITS, "maxBatchTokens": 9999}))
    until(lambda: read(predictor, "retrieval_limits_refused") == 1)
    until(lambda: "9999 is above 1024" in str(get(predictor, "/info")["limits_problem"]))
    assert in_force(predictor, "max_queue_tokens") == {4000}
    swap(folder / "limits.json", json.dumps(LIMITS))
    wait_for_limit(predictor, "max_queue_tokens", 3000)
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
    """With 3000 tokens of room the flood of 400 x 45 is refused in part; the guest all but never.

    A worker refuses by what the engine told it last, which a burst of the flood may outrun.
    """
    flood: Counter[int] = Counter()
    guest: Counter[int] = Counter()
    limits = httpx.Limits(max_connections=400)
    async with (
        httpx.AsyncClient(base_url=predictor.url, timeout=120, limits=limits) as many,
        httpx.AsyncClient(base_url=predictor.url, timeout=120) as one,
        asyncio.TaskGroup() as tasks,
    ):

        async def flooder(first: int) -> None:
            for number in range(first, first + 1600, 400):
                answer = await many.post("/embed", json=body_of(number), headers=KEY)
                flood[answer.status_code] += 1
                if answer.status_code == 429:
                    assert int(answer.headers["retry-after"]) >= 1
                if guest.total() == 20:
                    return

        flooders = [tasks.create_task(flooder(number)) for number in range(400)]
        await asyncio.sleep(2)
        while not all(task.done() for task in flooders) and guest.total() < 20:
            answer = await one.post("/embed", json=body_of(10**6 + guest.total()), headers=OTHER)
            guest[answer.status_code] += 1
    assert flood.total() >= 400
    assert {*flood, *guest} <= {200, 429}
    assert guest[429] <= max(1, 0.1 * guest.total())


def test_every_counter_adds_up(predictor: Predictor):
    """Known requests through four workers and two engines; one of each dies in the middle."""
    wait_for_both_engines(predictor)
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
            wait_for_a_lost_engine(predictor)
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
    assert 0.05 * total_s < sum(parts_s) < total_s
    assert parts_s[-1] >= 0.02 * grown("retrieval_forward_seconds_count")
    assert grown("retrieval_cache_hits_total") == 0
    assert grown("retrieval_cache_misses_total") == 200


def test_one_engines_death_leaves_the_pod_ready(predictor: Predictor):
    wait_for_both_engines(predictor)
    os.kill(int(pids(predictor)["engine"]), signal.SIGKILL)
    wait_for_a_lost_engine(predictor)
    for number in range(20):
        assert predictor.get("/v2/health/ready").status_code == 200
        answer = predictor.post("/embed", json={"inputs": spelled(number)}, headers=KEY)
        assert answer.status_code == 200
    wait_for_both_engines(predictor)
