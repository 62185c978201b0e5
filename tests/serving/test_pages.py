"""What a person or a probe reads: health, facts, settings in force, figures."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.metrics import metric, pids
from tests.support.processes import Predictor, launched, running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


def test_requests_are_counted_once_whichever_worker_answers(embedder: Predictor):
    before = embedder.get("/metrics").text
    for number in range(30):
        embedder.post("/v1/embeddings", json={"input": [f"text {number}", f"{number}"]})
    for _ in range(5):
        embedder.post("/v1/embeddings", content=b"{")
    pages = [embedder.get("/metrics").text for _ in range(8)]

    def grown(name: str, **labels: str) -> set[float]:
        return {metric(page, name, **labels) - metric(before, name, **labels) for page in pages}

    assert grown("retrieval_requests_total", code="200") == {30.0}
    assert grown("retrieval_requests_total", code="400") == {5.0}
    assert grown("retrieval_batch_size_sum") == {60.0}
    assert grown("retrieval_queue_wait_seconds_count", lane="query") == {30.0}
    assert grown("retrieval_input_tokens_total") == grown("retrieval_batch_tokens_sum")
    assert metric(pages[0], "retrieval_warmup_ready") == 1


def test_a_text_asked_for_twice_is_computed_once(embedder: Predictor):
    before = embedder.get("/metrics").text
    plain, cut = (
        embedder.post("/v1/embeddings", json={"input": "the same words", **more}).json()
        for more in ({}, {"dimensions": 384})
    )
    after = embedder.get("/metrics").text
    grown = {
        name: metric(after, name) - metric(before, name)
        for name in (
            "retrieval_batch_size_sum",
            "retrieval_cache_hits_total",
            "retrieval_cache_misses_total",
        )
    }
    assert list(grown.values()) == [1.0, 1.0, 1.0]
    assert plain["data"] == cut["data"]


def test_scores_that_depend_on_the_query_are_not_cached(reranker: Predictor):
    body = {"query": "bread", "documents": ["a bank", "a bank"]}
    for query in ("bread", "money"):
        answer = reranker.post("/v1/rerank", json={**body, "query": query})
        assert answer.status_code == 200
    page = reranker.get("/metrics").text
    assert metric(page, "retrieval_cache_hits_total") == 0


def test_info_shows_the_model_and_every_setting_in_force(embedder: Predictor):
    info = embedder.get("/info").json()
    assert info["model"]["dimensions"] == 384
    assert info["model"]["encoder"] in {"graph", "packed"}
    assert info["settings"]["max_input_tokens"] == 512
    assert info["settings"]["batching"]["max_batch_tokens"] == 4096
    assert info["warm_up"]["tokens_per_s"] > 0


def test_kserve_clients_find_model_and_server(embedder: Predictor):
    assert embedder.get("/v2/health/live").json() == {"live": True}
    assert embedder.get("/v2/health/ready").json() == {"ready": True}
    assert embedder.get("/v2/models/embedder/ready").json() == {"name": "embedder", "ready": True}
    metadata = embedder.get("/v2/models/embedder").json()
    assert [one["name"] for one in metadata["inputs"]] == ["text"]
    assert metadata["outputs"][0]["shape"] == [-1, 384]
    assert [one["id"] for one in embedder.get("/v1/models").json()["data"]] == ["embedder"]


def test_stats_are_live(embedder: Predictor):
    stats = embedder.get("/stats").json()
    assert stats["queue_tokens"] == 0
    assert stats["max_queue_tokens"] == 262_144


def test_a_model_that_is_not_there_ends_the_process_with_the_reason(tmp_path: Path):
    with launched(tmp_path, model__uri="file:///nowhere/at/all") as predictor:
        assert predictor.process.wait(timeout=240) == 78
    assert "no model at file:///nowhere/at/all" in predictor.log.read_text()


def test_impossible_settings_name_the_variable_and_both_numbers(tmp_path: Path):
    settings = {"max_input_tokens": 512, "batching__max_batch_tokens": 256}
    with launched(tmp_path, **settings) as predictor:
        assert predictor.process.wait(timeout=120) == 78
    assert (
        "max_input_tokens 512 is above batching.max_batch_tokens 256" in predictor.log.read_text()
    )


def test_nothing_a_user_sent_reaches_the_log(embedder: Predictor):
    secret = "the-patient-is-called-Smith"
    embedder.post("/v1/embeddings", json={"input": secret})
    embedder.post("/v1/embeddings", json={"input": [secret, 5]})
    embedder.post("/v1/embeddings", content=secret.encode())
    answer = embedder.post("/v1/embeddings", json={"input": secret, "model": "other"})
    assert answer.status_code == 404
    assert secret not in embedder.log.read_text()


@dataclass(frozen=True)
class Life:
    """What was seen of a predictor whose engine was killed, and after it was stopped."""

    probes: set[tuple[int, int]]
    refused: int
    revived: int
    pids: set[str]
    status: int
    left: list[str]


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Life:
    folder = tmp_path_factory.mktemp("life")
    with running(folder, workers=1) as predictor:
        before = pids(predictor)
        os.kill(int(before["engine"]), signal.SIGKILL)
        probes = probed(predictor, until=(200, 503))
        refused = predictor.post("/embed", json={"inputs": "a"}).status_code
        probes |= probed(predictor, until=(200, 200))
        revived = predictor.post("/embed", json={"inputs": "a"}).status_code
        seen = {*before.values(), *pids(predictor).values()}
    left = [path.name for path in folder.iterdir() if path.name != "log"]
    return Life(probes, refused, revived, seen, predictor.process.returncode, left)


def probed(predictor: Predictor, until: tuple[int, int]) -> set[tuple[int, int]]:
    """Every pair of statuses that liveness and readiness gave, up to this one."""
    seen: set[tuple[int, int]] = set()
    while until not in seen:
        alive = predictor.get("/v2/health/live").status_code
        seen.add((alive, predictor.get("/v2/models/embedder/ready").status_code))
        time.sleep(0.05)
    return seen


def test_a_killed_engine_turns_the_pod_unready_not_dead_and_comes_back(life: Life):
    assert life.probes == {(200, 503), (200, 200)}
    assert (life.refused, life.revived) == (503, 200)


def test_a_stopped_predictor_leaves_no_process_and_no_file(life: Life):
    assert life.status == 0
    assert len(life.pids) == 4
    assert not [pid for pid in life.pids if Path(f"/proc/{pid}/cmdline").exists()]
    assert life.left == []
