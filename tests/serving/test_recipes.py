"""The examples run as they stand, and what applications are known to send is answered."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.asking import DOCUMENTS, QUERY, TEXTS
from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

EXAMPLES = sorted(Path("examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=[example.stem for example in EXAMPLES])
def test_an_example_finds_and_orders_what_was_asked_for(
    example: Path, embedder: Predictor, reranker: Predictor
):
    addresses = {"EMBEDDER_URL": embedder.url, "RERANKER_URL": reranker.url}
    quiet = {"HAYSTACK_TELEMETRY_ENABLED": "False", "ANONYMIZED_TELEMETRY": "False"}
    done = subprocess.run(
        [sys.executable, str(example)],
        env={**os.environ, **addresses, **quiet},
        capture_output=True,
        text=True,
        timeout=180,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    first, second = done.stdout.splitlines()
    assert first.endswith("bake it for 40 minutes.")
    assert float(first.split()[0]) > float(second.split()[0])


@pytest.mark.parametrize(
    "body",
    [
        {"model": "embedder", "input": TEXTS, "encoding_format": "float"},
        {"model": "embedder", "input": TEXTS},
        {"model": "embedder", "input": TEXTS[0], "user": "somebody"},
    ],
    ids=["Dify", "Open WebUI", "RAGFlow"],
)
def test_an_application_gets_its_vectors(embedder: Predictor, body: dict):
    answer = httpx.post(f"{embedder.url}/v1/embeddings", json=body, timeout=30)
    assert answer.status_code == 200
    wanted = len(TEXTS) if isinstance(body["input"], list) else 1
    assert [one["index"] for one in answer.json()["data"]] == list(range(wanted))


@pytest.mark.parametrize(
    "more",
    [{"top_n": 2, "return_documents": True}, {"top_n": 2}, {"top_n": 2, "model": "reranker"}],
    ids=["Dify", "Open WebUI", "RAGFlow"],
)
def test_an_application_gets_its_scores(reranker: Predictor, more: dict):
    body = {"model": "reranker", "query": QUERY, "documents": DOCUMENTS, **more}
    answer = httpx.post(f"{reranker.url}/v1/rerank", json=body, timeout=30)
    assert [one["index"] for one in answer.json()["results"]] == [1, 0]
    assert all(0 <= one["relevance_score"] <= 1 for one in answer.json()["results"])
