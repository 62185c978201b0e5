"""Whatever the bytes, a parser returns a sound request or raises a leaf of RequestError."""

import struct
from collections.abc import Callable

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.edge.protocol import oip, oip_rest, openai, rerank, tei
from retrieval_predictor.edge.protocol.oip import InferCall, Wanted
from retrieval_predictor.edge.protocol.tensors import Tensor
from retrieval_predictor.errors import Malformed, RequestError, TooManyTexts, leaves
from retrieval_predictor.wire.work import EmbedRequest, RerankRequest, Truncation
from tests.support.wire import binary_infer, scores

MAX_TEXTS = 3
Request = EmbedRequest | RerankRequest
Parser = Callable[[bytes], Request]
LEAVES = set(leaves(RequestError))


def v2_embed(body: bytes) -> EmbedRequest:
    return oip.to_embed_request(oip_rest.parse(body, None, MAX_TEXTS), MAX_TEXTS)


def v2_rerank(body: bytes) -> RerankRequest:
    return oip.to_rerank_request(oip_rest.parse(body, None, MAX_TEXTS), MAX_TEXTS)


PARSERS: dict[str, Parser] = {
    "openai": lambda body: openai.parse(body, MAX_TEXTS).request,
    "rerank": lambda body: rerank.parse(body, MAX_TEXTS).request,
    "tei": lambda body: tei.parse(body, MAX_TEXTS),
    "v2 embed": v2_embed,
    "v2 rerank": v2_rerank,
}

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5)
)
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)

TEXT_FIELDS = ["input", "inputs", "query", "documents", "texts", "passages"]
OPTION_FIELDS = ["model", "dimensions", "encoding_format", "input_type", "prompt_name", "truncate"]
RERANK_FIELDS = ["top_n", "top_k", "return_documents", "return_text", "raw_scores", "instruction"]
OTHER_FIELDS = ["truncation_direction", "normalize", "max_tokens_per_doc", "rank_fields", "id"]
FIELDS = st.sampled_from(TEXT_FIELDS + OPTION_FIELDS + RERANK_FIELDS + OTHER_FIELDS)
PLAUSIBLE = (
    st.sampled_from(["a", "", "none", "end", "float", "base64", True, False, 0, 1, 2, -1, 2**31])
    | st.lists(
        st.text(max_size=3) | st.fixed_dictionaries({"text": st.text(max_size=3)}), max_size=4
    )
    | st.lists(st.integers(-1, 2**31), max_size=4)
    | st.lists(st.lists(st.integers(0, 9), max_size=2), max_size=4)
)

SHAPES = st.lists(st.integers(0, 4), max_size=3) | ANYTHING
PARAMETERS = st.dictionaries(
    st.sampled_from(["binary_data_size", "binary_data", "binary_data_output", "truncate"]),
    st.integers(-1, 12) | st.booleans() | ANYTHING,
    max_size=2,
)
TENSORS = st.fixed_dictionaries(
    {
        "name": st.sampled_from(["text", "query", "documents"]),
        "datatype": st.sampled_from(["BYTES", "BYTES", "FP32"]),
        "shape": SHAPES,
    },
    optional={"data": PLAUSIBLE | ANYTHING, "parameters": PARAMETERS},
)
INFER = st.fixed_dictionaries(
    {"inputs": st.lists(TENSORS, max_size=3) | ANYTHING},
    optional={
        "parameters": PARAMETERS | ANYTHING,
        "outputs": st.lists(st.fixed_dictionaries({"name": st.sampled_from(["embedding", "x"])}))
        | ANYTHING,
        "id": SCALARS,
    },
)
BODIES = st.dictionaries(FIELDS, PLAUSIBLE | ANYTHING, max_size=6) | INFER | ANYTHING


def check(request: Request) -> None:
    """The promises of the request nouns that the stages behind the parser rely on."""
    assert isinstance(request, Request)
    assert isinstance(request.truncation, Truncation)
    items = request.inputs if isinstance(request, EmbedRequest) else (*request.documents,)
    assert 1 <= len(items) <= MAX_TEXTS
    assert len({type(item) for item in items}) == 1
    for item in items:
        assert item.encode() is not None if isinstance(item, str) else item
    if isinstance(request, RerankRequest):
        request.query.encode()


def outcome(parser: Parser, body: bytes) -> Request | RequestError:
    try:
        return parser(body)
    except RequestError as error:
        return error


def parses_or_refuses(parser: Parser, body: bytes) -> None:
    result = outcome(parser, body)
    if isinstance(result, RequestError):
        assert type(result) in LEAVES
        assert str(result)
    else:
        check(result)


@pytest.mark.parametrize("name", PARSERS)
@given(body=st.binary(max_size=64))
def test_any_bytes_are_a_request_or_a_refusal(name, body):
    parses_or_refuses(PARSERS[name], body)


@pytest.mark.parametrize("name", PARSERS)
@given(value=BODIES)
def test_any_json_is_a_request_or_a_refusal(name, value):
    parses_or_refuses(PARSERS[name], orjson.dumps(value))


DOCUMENTS = st.lists(st.text(max_size=3) | st.builds(lambda x: {"text": "a", "x": x}, ANYTHING))
RERANK_BODIES = st.fixed_dictionaries(
    {"query": st.text(max_size=3), "return_documents": st.booleans()},
    optional={"documents": DOCUMENTS, "texts": DOCUMENTS, "passages": DOCUMENTS},
)


@given(value=RERANK_BODIES, top_n=st.integers(0, 4))
def test_every_rerank_call_that_parses_can_be_answered(value, top_n):
    try:
        call = rerank.parse(orjson.dumps(value | {"top_n": top_n}), MAX_TEXTS)
    except RequestError:
        return
    answer = scores([0.5] * len(call.request.documents))
    orjson.loads(b"".join(rerank.render(call, answer, model="m", answer_id="i")))


@given(texts=st.lists(st.text(max_size=4), min_size=1, max_size=MAX_TEXTS))
def test_well_formed_texts_come_through_every_route_unchanged(texts):
    expected = tuple(texts)
    shape = [len(texts)]
    json_input = {"name": "text", "datatype": "BYTES", "shape": shape, "data": texts}
    body, length = binary_infer([("text", texts)])
    binary = oip_rest.parse(body, length, MAX_TEXTS)
    openai_call = openai.parse(orjson.dumps({"input": texts}), MAX_TEXTS)
    assert openai_call.request.inputs == expected
    assert tei.parse(orjson.dumps({"inputs": texts}), MAX_TEXTS).inputs == expected
    assert v2_embed(orjson.dumps({"inputs": [json_input]})).inputs == expected
    assert oip.to_embed_request(binary, MAX_TEXTS).inputs == expected


@given(
    body=st.binary(max_size=48) | INFER.map(orjson.dumps),
    tail=st.binary(max_size=16),
    header=st.none() | st.integers(-2, 400).map(str) | st.text(max_size=4),
)
def test_any_length_header_is_a_request_or_a_refusal(body, tail, header):
    parses_or_refuses(
        lambda both: oip.to_embed_request(oip_rest.parse(both, header, MAX_TEXTS), MAX_TEXTS),
        body + tail,
    )


@given(
    texts=st.lists(st.text(max_size=4), min_size=1, max_size=MAX_TEXTS),
    cut=st.integers(0, 40),
    flip=st.integers(0, 39),
    bit=st.integers(0, 255),
)
def test_damaged_binary_tensors_are_a_request_or_a_refusal(texts, cut, flip, bit):
    body, length = binary_infer([("text", texts)])
    tail = bytearray(body[int(length) :])
    if flip < len(tail):
        tail[flip] ^= bit
    damaged = body[: int(length)] + bytes(tail[: len(tail) - cut] if cut else tail)
    parses_or_refuses(
        lambda both: oip.to_embed_request(oip_rest.parse(both, length, MAX_TEXTS), MAX_TEXTS),
        damaged,
    )


PACKED = st.lists(st.binary(max_size=4)).map(
    lambda items: b"".join(struct.pack("<I", len(item)) + item for item in items)
)
GRPC_TENSORS = st.builds(
    Tensor,
    name=st.sampled_from(["text", "query", "documents"]),
    datatype=st.sampled_from(["BYTES", "INT64", ""]),
    shape=st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(0, 4), max_size=3).map(tuple),
    data=st.lists(st.binary(max_size=4)) | PACKED | st.binary(max_size=12),
)
GRPC_CALLS = st.builds(
    InferCall,
    inputs=st.lists(GRPC_TENSORS, max_size=3).map(tuple),
    outputs=st.lists(st.builds(Wanted, st.sampled_from(["embedding", "scores", ""]))).map(tuple),
    parameters=st.dictionaries(FIELDS, st.booleans() | st.integers() | st.text(max_size=4)),
)


@given(call=GRPC_CALLS)
def test_any_grpc_request_is_a_request_or_a_refusal(call):
    parses_or_refuses(lambda _: oip.to_embed_request(call, MAX_TEXTS), b"")
    parses_or_refuses(lambda _: oip.to_rerank_request(call, MAX_TEXTS), b"")


def test_the_two_ways_to_be_refused_by_a_parser_are_these():
    with pytest.raises(Malformed):
        PARSERS["openai"](b"{}")
    with pytest.raises(TooManyTexts):
        PARSERS["openai"](orjson.dumps({"input": ["a"] * 4}))
