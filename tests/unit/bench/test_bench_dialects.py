"""Each dialect sends what its servers take and reads what they answer."""

from __future__ import annotations

import base64
import struct
from typing import Any

import numpy as np
import orjson
import pytest

from retrieval_bench.corpus import Request
from retrieval_bench.dialects import NAMES, answers, speak
from retrieval_bench.dialects.wire import Dialect, Reply, Rows
from retrieval_bench.errors import BadTarget, UnknownDialect
from retrieval_bench.targets import Target

ASKED = Request("what is it", ("first text", "zweiter Text ü"))
VECTORS = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 6.5]], dtype=np.float32)


def dialect(name: str, **options: Any) -> Dialect:
    scheme = "grpc" if "grpc" in name else "http"
    return speak(Target("server", f"{scheme}://localhost:1", name, **options))


def read(name: str, body: bytes, headers: dict[str, str] | None = None) -> Rows:
    return answers.read(dialect(name), Reply(body, headers or {}), ASKED, None)


def sent(name: str, **options: Any) -> Any:
    return orjson.loads(dialect(name, **options).call(ASKED).body)


def packed(array: Rows) -> str:
    return base64.b64encode(array.astype("<f4").tobytes()).decode()


def test_openai_asks_for_all_texts_in_one_input():
    assert sent("openai") == {
        "model": "embedder",
        "input": list(ASKED.texts),
        "encoding_format": "float",
    }
    assert dialect("openai").call(ASKED).path == "/v1/embeddings"


def test_openai_answers_are_ordered_by_their_index():
    data = [{"index": 1, "embedding": [4, 5, 6.5]}, {"index": 0, "embedding": [1, 2, 3]}]
    assert (read("openai", orjson.dumps({"data": data})) == VECTORS).all()


def test_openai_base64_is_little_endian_float32():
    data = [{"index": i, "embedding": packed(row)} for i, row in enumerate(VECTORS)]
    assert sent("openai-base64")["encoding_format"] == "base64"
    assert (read("openai-base64", orjson.dumps({"data": data})) == VECTORS).all()


def test_tei_speaks_in_bare_lists():
    assert sent("tei") == {"inputs": list(ASKED.texts)}
    assert (read("tei", orjson.dumps(VECTORS.tolist())) == VECTORS).all()


@pytest.mark.parametrize(
    ("name", "texts", "wrap", "score"),
    [
        ("rerank", "documents", lambda items: {"results": items}, "relevance_score"),
        ("tei-rerank", "texts", lambda items: items, "score"),
    ],
)
def test_rerankers_answer_best_first_and_are_read_in_the_order_of_the_texts(
    name, texts, wrap, score
):
    body = sent(name)
    assert (body["query"], body[texts]) == (ASKED.query, list(ASKED.texts))
    items = [{"index": 1, score: 0.9}, {"index": 0, score: 0.1}]
    assert read(name, orjson.dumps(wrap(items))) == pytest.approx([0.1, 0.9])


def test_open_inference_names_shapes_and_datatypes():
    assert sent("oip-json") == {
        "id": "retrieval-bench",
        "inputs": [{"name": "text", "shape": [2], "datatype": "BYTES", "data": list(ASKED.texts)}],
    }
    assert [i["name"] for i in sent("oip-json-rerank")["inputs"]] == ["query", "documents"]
    assert sent("oip-json", input_name="prompt")["inputs"][0]["name"] == "prompt"
    assert dialect("oip-json", model="m").call(ASKED).path == "/v2/models/m/infer"


def test_the_first_floating_point_output_is_read_whatever_its_name():
    outputs = [
        {"name": "token_count", "datatype": "INT32", "shape": [2], "data": [3, 4]},
        {"name": "vec", "datatype": "FP32", "shape": [2, 3], "data": VECTORS.ravel().tolist()},
    ]
    assert (read("oip-json", orjson.dumps({"outputs": outputs})) == VECTORS).all()


def test_binary_texts_stand_behind_their_lengths():
    call = dialect("oip-binary").call(ASKED)
    length = int(call.headers["Inference-Header-Content-Length"])
    header, raw = orjson.loads(call.body[:length]), call.body[length:]
    assert header["inputs"][0]["parameters"]["binary_data_size"] == len(raw)
    first = struct.unpack_from("<I", raw)[0]
    assert raw[4 : 4 + first].decode() == ASKED.texts[0]


@pytest.mark.parametrize("kind", ["FP16", "FP32", "FP64"])
def test_binary_outputs_are_found_behind_others(kind):
    dtype = {"FP16": "<f2", "FP32": "<f4", "FP64": "<f8"}[kind]
    raw = VECTORS.astype(dtype).tobytes()
    outputs = [
        {"datatype": "INT32", "shape": [2], "parameters": {"binary_data_size": 8}},
        {"datatype": kind, "shape": [2, 3], "parameters": {"binary_data_size": len(raw)}},
    ]
    header = orjson.dumps({"outputs": outputs})
    headers = {"inference-header-content-length": str(len(header))}
    assert (read("oip-binary", header + bytes(8) + raw, headers) == VECTORS).all()


def test_a_server_without_the_binary_extension_may_answer_in_json():
    values = VECTORS.ravel().tolist()
    output = {"datatype": "FP32", "shape": [2, 3], "parameters": None, "data": values}
    assert (read("oip-binary", orjson.dumps({"outputs": [output]})) == VECTORS).all()


def test_every_name_is_a_dialect_and_others_are_not():
    for name in NAMES:
        assert dialect(name, template='"{texts}"').call(ASKED).body
    with pytest.raises(UnknownDialect, match="choose one of openai"):
        dialect("soap")


@pytest.mark.parametrize(
    ("url", "name"), [("grpc://h:1", "openai"), ("http://h:1", "oip-grpc"), ("h:1", "openai")]
)
def test_a_dialect_and_a_url_that_do_not_fit_are_refused(url, name):
    with pytest.raises(BadTarget):
        speak(Target("server", url, name))
