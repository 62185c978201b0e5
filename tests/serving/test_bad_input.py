"""Bad input gets the right status and a message with the numbers."""

from __future__ import annotations

import pytest

from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

INFER = "/v2/models/embedder/infer"


def tensor(data: list, shape: list | None = None, datatype: str = "BYTES") -> dict:
    one = {"name": "text", "datatype": datatype, "shape": shape or [len(data)], "data": data}
    return {"inputs": [one]}


CASES = {
    "no text at all": ("/v1/embeddings", {"input": []}, 400, "at least one"),
    "no input field": ("/v1/embeddings", {"model": "embedder"}, 400, "'input'"),
    "a number for a text": ("/v1/embeddings", {"input": ["a", 5]}, 400, "item 1"),
    "another model": ("/v1/embeddings", {"input": "a", "model": "gpt-4"}, 404, "'gpt-4'"),
    "another model in the path": ("/v2/models/other/infer", tensor(["a"]), 404, "'other'"),
    "a shape that lies": (INFER, tensor(["a", "b"], [3]), 400, "3 texts, data has 2"),
    "two dimensions too many": (INFER, tensor(["a"], [1, 1, 1]), 400, "[1, 1, 1]"),
    "floats for texts": (INFER, tensor([1.5], datatype="FP32"), 400, "BYTES, got FP32"),
    "no tensors": (INFER, {"inputs": []}, 400, "one input"),
    "too many dimensions": ("/v1/embeddings", {"input": "a", "dimensions": 999}, 400, "1 to 384"),
    "an unknown prompt": ("/embed", {"inputs": "a", "prompt_name": "poem"}, 400, "'poem'"),
    "token ids": ("/v1/embeddings", {"input": [101, 102]}, 400, "acceptTokenIds: true"),
    "lists of token ids": ("/embed", {"inputs": [[101], [102]]}, 400, "acceptTokenIds: true"),
    "too many texts": ("/embed", {"inputs": ["a"] * 5000}, 413, "the limit is 4096"),
    "too long and not to be cut": (
        "/embed",
        {"inputs": "word " * 900, "truncate": False},
        422,
        "900 tokens, the limit is 510",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_is_refused_with_its_numbers(case: str, embedder: Predictor):
    path, body, status, message = CASES[case]
    answer = embedder.post(path, json=body)
    assert (answer.status_code, message in answer.text) == (status, True), answer.text
    assert embedder.post("/v1/embeddings", json={"input": "still fine"}).status_code == 200


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", "JSON"),
        (b"[1, 2]", "object"),
        (b'{"input": NaN}', "JSON"),
        (b'{"input": "\xff"}', ""),
        (b"[" * 100_000, ""),
        (b"", "JSON"),
    ],
)
def test_broken_json_is_a_400(content: bytes, message: str, embedder: Predictor):
    answer = embedder.post("/v1/embeddings", content=content)
    assert answer.status_code == 400, answer.text
    assert message in answer.text


def test_ten_megabytes_of_text_are_refused_by_size(embedder: Predictor):
    answer = embedder.post("/v1/embeddings", json={"input": "x" * 10_000_000})
    assert answer.status_code == 413
    assert "the limit is 8388608" in answer.json()["error"]["message"]


def test_an_unannounced_body_is_cut_off_at_the_limit(embedder: Predictor):
    def chunks():
        for _ in range(100):
            yield b"x" * 100_000

    answer = embedder.post("/v1/embeddings", content=chunks())
    assert answer.status_code == 413


def test_a_text_of_eight_million_characters_is_cut_not_computed(embedder: Predictor):
    answer = embedder.post("/v1/embeddings", json={"input": "word " * 1_600_000})
    assert answer.status_code == 200
    assert answer.json()["usage"]["truncated_inputs"] == 1
