"""POST /v2/models/{m}/infer takes JSON and binary tensors, and answers in either."""

import json
from typing import Any

import pytest

from retrieval_predictor.edge.protocol import oip, oip_rest
from retrieval_predictor.edge.protocol.oip import InferCall, Wanted
from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import EmbedRequest
from tests.support.wire import Whole, binary_infer, embeddings, json_bytes, packed, whole

MAX_TEXTS = 4
TEXT = {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["a"]}


def parse(length: str | None = None, **fields: Any) -> InferCall:
    return oip_rest.parse(json_bytes(fields), length, MAX_TEXTS)


def render(call: InferCall, **options: Any) -> Whole:
    outputs = oip.embedding_outputs(call, embeddings([[0.5, -0.25]], tokens=[3]))
    body = oip_rest.render(call, outputs, model="embedder", answer_id="fresh", **options)
    return whole(body)


def test_a_json_body_becomes_a_call():
    call = parse(
        id="42",
        inputs=[TEXT],
        outputs=[{"name": "embedding", "parameters": {"binary_data": True}}],
        parameters={"input_type": "query"},
    )
    assert oip.to_embed_request(call, MAX_TEXTS) == EmbedRequest(("a",), prompt_name="query")
    assert (call.request_id, call.outputs) == ("42", (Wanted("embedding", binary=True),))


def test_a_binary_body_becomes_the_same_request():
    body, length = binary_infer([("text", ["a", "日本", ""])])
    call = oip_rest.parse(body, length, MAX_TEXTS)
    assert oip.to_embed_request(call, MAX_TEXTS).inputs == ("a", "日本", "")


def test_binary_inputs_follow_the_json_in_its_order():
    body, length = binary_infer([("documents", ["a", "b"]), ("query", ["q"])])
    request = oip.to_rerank_request(oip_rest.parse(body, length, MAX_TEXTS), MAX_TEXTS)
    assert (request.query, request.documents) == ("q", ("a", "b"))


def test_json_and_binary_inputs_can_stand_side_by_side():
    head = {
        "inputs": [
            {"name": "query", "datatype": "BYTES", "shape": [1], "data": ["q"]},
            {
                "name": "documents",
                "datatype": "BYTES",
                "shape": [1],
                "parameters": {"binary_data_size": 5},
            },
        ]
    }
    body = json_bytes(head) + packed(["a"])
    call = oip_rest.parse(body, str(len(json_bytes(head))), MAX_TEXTS)
    request = oip.to_rerank_request(call, MAX_TEXTS)
    assert (request.query, request.documents) == ("q", ("a",))


def test_a_length_header_over_a_body_without_binary_data_is_accepted():
    body = json_bytes({"inputs": [TEXT]})
    assert len(oip_rest.parse(body, str(len(body)), MAX_TEXTS).inputs) == 1


@pytest.mark.parametrize("length", ["", "-1", "+5", "1_0", "1.0", "x", "٣", "9" * 20])
def test_a_length_header_that_is_no_number_is_refused(length):
    with pytest.raises(Malformed, match="inference-header-content-length: wanted a number"):
        parse(length, inputs=[TEXT])


def test_a_length_header_beyond_the_body_is_refused_with_both_numbers():
    with pytest.raises(Malformed, match="says 999 bytes, the body has 14"):
        oip_rest.parse(b'{"inputs": []}', "999", MAX_TEXTS)


def test_bytes_that_no_input_describes_are_refused():
    body, length = binary_infer([("text", ["a"])])
    with pytest.raises(Malformed, match="8 bytes follow the JSON, its inputs describe 5"):
        oip_rest.parse(body + b"xyz", length, MAX_TEXTS)


SIZES = [
    (6, "got 6"),
    (-1, "got -1"),
    ("5", "got a string"),
    (5.0, "got a number with a fraction"),
    (True, "got true or false"),
]


@pytest.mark.parametrize(("size", "told"), SIZES)
def test_a_binary_size_that_is_not_there_is_refused(size, told):
    item = {"name": "text", "datatype": "BYTES", "shape": [1]}
    head = json_bytes({"inputs": [item | {"parameters": {"binary_data_size": size}}]})
    with pytest.raises(Malformed, match=rf"inputs\[0\].*the 5 bytes that are left, {told}"):
        oip_rest.parse(head + packed(["a"]), str(len(head)), MAX_TEXTS)


def test_an_input_may_not_reach_beyond_what_the_inputs_before_it_left():
    sizes = {"documents": 5, "query": 6}
    inputs = [
        {"name": name, "datatype": "BYTES", "shape": [1], "parameters": {"binary_data_size": size}}
        for name, size in sizes.items()
    ]
    head = json_bytes({"inputs": inputs})
    with pytest.raises(Malformed, match=r"inputs\[1\].*the 5 bytes that are left, got 6"):
        oip_rest.parse(head + packed(["a", "q"]), str(len(head)), MAX_TEXTS)


REFUSED = [
    ({"inputs": "a"}, "field 'inputs': wanted a list, got a string"),
    ({"inputs": ["a"]}, r"inputs\[0\]: wanted an object, got a string"),
    ({"inputs": [TEXT, {}]}, r"inputs\[1\]: field 'name' is missing"),
    ({"inputs": [TEXT | {"name": 5}]}, "field 'name': wanted a string, got a whole number"),
    ({"inputs": [TEXT | {"datatype": None}]}, "field 'datatype' is missing"),
    ({"inputs": [TEXT | {"shape": None}]}, "field 'shape': wanted a list of whole numbers"),
    ({"inputs": [TEXT | {"shape": [1.0]}]}, "field 'shape'"),
    ({"inputs": [TEXT | {"shape": [-1]}]}, "field 'shape'"),
    ({"inputs": [TEXT | {"shape": [True]}]}, "field 'shape'"),
    ({"inputs": [TEXT | {"data": None}]}, "either 'data' or the parameter 'binary_data_size'"),
    ({"inputs": [TEXT | {"data": "a"}]}, "field 'data': wanted a list, got a string"),
    ({"inputs": [TEXT | {"parameters": {"binary_data_size": 0}}]}, "either 'data' or"),
    ({"inputs": [TEXT | {"parameters": [1]}]}, "field 'parameters': wanted an object, got a list"),
    ({"id": 42}, "field 'id': wanted a string, got a whole number"),
    ({"parameters": "x"}, "field 'parameters': wanted an object"),
    ({"parameters": {"binary_data_output": 1}}, "field 'binary_data_output': wanted true or false"),
    ({"outputs": {}}, "field 'outputs': wanted a list, got an object"),
    ({"outputs": ["embedding"]}, "wanted a list of objects, got a string as item 0"),
    ({"outputs": [{}]}, r"field 'outputs\[0\].name' is missing"),
    ({"outputs": [{"name": "a", "parameters": {"binary_data": "yes"}}]}, "field 'binary_data'"),
]


@pytest.mark.parametrize(("fields", "told"), REFUSED)
def test_a_body_that_is_not_the_protocols_is_refused(fields, told):
    with pytest.raises(Malformed, match=told):
        parse(**fields)


def test_the_json_answer_has_these_bytes():
    assert render(InferCall((), request_id="42")).content == (
        b'{"model_name":"embedder","id":"42",'
        b'"parameters":{"truncated_inputs":0},"outputs":['
        b'{"name":"embedding","datatype":"FP32","shape":[1,2],"data":[0.5,-0.25]},'
        b'{"name":"token_count","datatype":"INT32","shape":[1],"data":[3]}]}'
    )


def test_the_binary_answer_has_these_bytes():
    body = render(InferCall((), request_id="42", binary=True), truncated=1)
    head = (
        b'{"model_name":"embedder","id":"42",'
        b'"parameters":{"truncated_inputs":1},"outputs":['
        b'{"name":"embedding","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},'
        b'{"name":"token_count","datatype":"INT32","shape":[1],'
        b'"parameters":{"binary_data_size":4}}]}'
    )
    tail = b"\x00\x00\x00\x3f\x00\x00\x80\xbe" + b"\x03\x00\x00\x00"
    assert (body.content, body.json_bytes) == (head + tail, len(head))


def test_the_headers_say_where_the_json_ends():
    binary = render(InferCall((), binary=True))
    assert binary.headers == {
        "content-type": "application/octet-stream",
        "inference-header-content-length": str(binary.json_bytes),
    }
    assert render(InferCall(())).headers == {"content-type": "application/json"}


def test_one_output_can_be_binary_and_the_other_json():
    wanted = Wanted("token_count", binary=False), Wanted("embedding")
    call = InferCall((), outputs=wanted, binary=True)
    body = render(call)
    counts, vectors = json.loads(body.content[: body.json_bytes])["outputs"]
    assert counts["data"] == [3]
    assert vectors["parameters"] == {"binary_data_size": 8}
    assert body.headers["inference-header-content-length"] == str(len(body.content) - 8)


@pytest.mark.parametrize(("sent", "answered"), [("42", "42"), ("", "fresh"), (None, "fresh")])
def test_the_callers_id_comes_back_or_a_fresh_one(sent, answered):
    call = parse(id=sent, inputs=[TEXT])
    assert json.loads(render(call).content)["id"] == answered
