"""POST /v1/embeddings answers with OpenAI's list object, in numbers or base64."""

import base64
import json

import numpy as np
import pytest

from retrieval_predictor.edge.protocol import openai
from retrieval_predictor.edge.protocol.openai import EmbeddingsCall, Encoding
from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import EmbedRequest
from tests.support.wire import embeddings, json_bytes

CALL = EmbeddingsCall(EmbedRequest(("a",)))
BASE64_CALL = EmbeddingsCall(EmbedRequest(("a",)), encoding=Encoding.BASE64)


def test_a_whole_body_becomes_a_call():
    body = {
        "input": ["a", "b"],
        "model": "embedder",
        "dimensions": 8,
        "encoding_format": "base64",
        "input_type": "query",
        "user": "u",
    }
    request = EmbedRequest(("a", "b"), prompt_name="query", dimensions=8)
    expected = EmbeddingsCall(request, model="embedder", encoding=Encoding.BASE64)
    assert openai.parse(json_bytes(body), max_texts=2) == expected


@pytest.mark.parametrize("sent", [{}, {"encoding_format": None}, {"encoding_format": "float"}])
def test_vectors_are_numbers_unless_base64_is_asked_for(sent):
    assert openai.parse(json_bytes({"input": "a", **sent}), 1).encoding is Encoding.FLOAT


def test_an_unknown_encoding_is_refused_by_name():
    with pytest.raises(Malformed, match='wanted "float" or "base64", got "int8"'):
        openai.parse(json_bytes({"input": "a", "encoding_format": "int8"}), 1)


def test_a_model_that_is_no_string_is_refused():
    with pytest.raises(Malformed, match="field 'model': wanted a string, got a list"):
        openai.parse(json_bytes({"input": "a", "model": ["m"]}), 1)


def test_the_answer_in_numbers_has_these_bytes():
    answer = embeddings([[0.5, -0.25], [1.0, 0.1]], tokens=[3, 4], truncated=[False, True])
    assert b"".join(openai.render(CALL, answer, "embedder")) == (
        b'{"object":"list","data":['
        b'{"object":"embedding","index":0,"embedding":[0.5,-0.25]},'
        b'{"object":"embedding","index":1,"embedding":[1.0,0.1]}],'
        b'"model":"embedder",'
        b'"usage":{"prompt_tokens":7,"total_tokens":7,"truncated_inputs":1}}'
    )


def test_the_answer_in_base64_has_these_bytes():
    assert b"".join(openai.render(BASE64_CALL, embeddings([[0.5, -0.25]]), "embedder")) == (
        b'{"object":"list","data":[{"object":"embedding","index":0,"embedding":"AAAAPwAAgL4="}],'
        b'"model":"embedder",'
        b'"usage":{"prompt_tokens":3,"total_tokens":3,"truncated_inputs":0}}'
    )


def test_both_encodings_carry_the_same_float32_bits():
    vectors = np.random.default_rng(7).standard_normal((5, 33)).astype(np.float32)
    answer = embeddings(vectors)
    numbers = json.loads(b"".join(openai.render(CALL, answer, "m")))["data"]
    coded = json.loads(b"".join(openai.render(BASE64_CALL, answer, "m")))["data"]
    for row, (number, code) in enumerate(zip(numbers, coded, strict=True)):
        decoded = np.frombuffer(base64.b64decode(code["embedding"]), "<f4")
        assert np.array_equal(decoded, vectors[row])
        assert np.array_equal(np.array(number["embedding"], np.float32), vectors[row])


def test_vectors_cut_out_of_a_wider_array_are_written_right():
    wide = np.arange(12, dtype=np.float32).reshape(3, 4)
    answer = embeddings(np.zeros((3, 2)))
    view = type(answer)(wide[:, ::2], answer.token_counts, answer.truncated)
    data = json.loads(b"".join(openai.render(BASE64_CALL, view, "m")))["data"]
    assert base64.b64decode(data[1]["embedding"]) == wide[1, ::2].tobytes()
