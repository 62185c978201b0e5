"""Open Inference tensors mean the same request whatever transport they came by."""

from collections.abc import Sequence
from typing import Any

import pytest

from retrieval_predictor.edge.protocol import oip
from retrieval_predictor.edge.protocol.oip import InferCall, Wanted
from retrieval_predictor.edge.protocol.tensors import Tensor
from retrieval_predictor.errors import Malformed, TooManyTexts
from retrieval_predictor.wire.work import EmbedRequest, RerankRequest, Truncation
from tests.support.wire import embeddings, packed, scores

MAX_TEXTS = 4


def tensor(
    data: Any, shape: tuple[int, ...] | None = None, name: str = "text", datatype: str = "BYTES"
) -> Tensor:
    return Tensor(name, datatype, (len(data),) if shape is None else shape, data)


def embed(*tensors: Tensor, outputs: Sequence[str] = (), **parameters: Any) -> EmbedRequest:
    wanted = tuple(Wanted(name) for name in outputs)
    return oip.to_embed_request(InferCall(tensors, "", wanted, parameters), MAX_TEXTS)


def rerank(query: list[str], documents: list[str], **parameters: Any) -> RerankRequest:
    inputs = (tensor(documents, name="documents"), tensor(query, name="query"))
    return oip.to_rerank_request(InferCall(inputs, parameters=parameters), MAX_TEXTS)


CARRIERS = {
    "JSON strings": (["a", "日本"], (2,)),
    "JSON strings, [n, 1] flat": (["a", "日本"], (2, 1)),
    "JSON strings, [n, 1] nested": ([["a"], ["日本"]], (2, 1)),
    "gRPC bytes_contents": ([b"a", "日本".encode()], (2,)),
    "gRPC bytes_contents, [n, 1]": ([b"a", "日本".encode()], (2, 1)),
    "packed bytes": (packed(["a", "日本"]), (2,)),
    "packed bytes, [n, 1]": (packed(["a", "日本"]), (2, 1)),
    "a view of packed bytes": (memoryview(packed(["a", "日本"])), (2,)),
}


@pytest.mark.parametrize("carrier", CARRIERS)
def test_texts_are_read_from_every_carrier(carrier):
    data, shape = CARRIERS[carrier]
    assert embed(tensor(data, shape)).inputs == ("a", "日本")


def test_empty_texts_survive_packing():
    assert embed(tensor(packed(["", "a", ""]), (3,))).inputs == ("", "a", "")


BAD_TENSORS = [
    (tensor([1.0], datatype="FP32"), "input 'text': wanted datatype BYTES, got FP32"),
    (tensor(["a"], ()), r"wanted shape \[n\] or \[n, 1\], got \[\]"),
    (tensor(["a", "b"], (1, 2)), r"wanted shape \[n\] or \[n, 1\], got \[1, 2\]"),
    (tensor(["a"], (1, 1, 1)), r"got \[1, 1, 1\]"),
    (tensor([], (0,)), r"shape \[0\] holds no text; send at least one"),
    (tensor([], (-1,)), r"shape \[-1\] holds no text"),
    (tensor(["a"], (2,)), r"shape \[2\] means 2 texts, data has 1"),
    (tensor(["a", "b"], (1,)), r"shape \[1\] means 1 texts, data has 2"),
    (tensor(["a", 5]), "wanted strings, item 1 is a whole number"),
    (tensor([["a"]], (1,)), "wanted strings, item 0 is a list"),
    (tensor([["a", "b"]], (1, 1)), "wanted strings, item 0 is a list"),
    (tensor([b"a", b"b\xff"]), "item 1 is not UTF-8 at byte 1"),
    (tensor(packed([b"\xed\xa0\x80"]), (1,)), "item 0 is not UTF-8 at byte 0"),
    (tensor(packed(["abc"])[:-1], (1,)), "item 0 says 3 bytes, 2 are left"),
    (tensor(packed(["abc"]), (2,)), "data ends after 1 of 2 texts, at byte 7"),
    (tensor(b"\x01\x00", (1,)), "data ends after 0 of 1 texts, at byte 0"),
    (tensor(packed(["a", "b"]), (1,)), "5 bytes follow the last of 1 texts"),
    (tensor(b"\xff\xff\xff\xff", (1,)), "item 0 says 4294967295 bytes, 0 are left"),
]


@pytest.mark.parametrize(("bad", "told"), BAD_TENSORS)
def test_data_that_does_not_fit_its_tensor_is_refused_with_the_numbers(bad, told):
    with pytest.raises(Malformed, match=told):
        embed(bad)


def test_one_text_more_than_the_limit_is_refused_before_its_data_is_read():
    with pytest.raises(TooManyTexts) as caught:
        embed(tensor(b"", (5,)))
    assert caught.value.facts() == {"count": 5, "limit": 4}


def test_parameters_reach_the_embedding_request():
    request = embed(tensor(["a"]), input_type="query", truncate="START", dimensions=8, priority=3)
    assert request == EmbedRequest(
        ("a",), prompt_name="query", dimensions=8, truncation=Truncation.LEFT
    )


def test_a_single_input_may_have_any_name():
    assert embed(tensor(["a"], name="input-0")).inputs == ("a",)


@pytest.mark.parametrize("names", [(), ("text", "more")])
def test_any_other_number_of_inputs_is_refused_with_their_names(names):
    told = f"wanted one input 'text', got {len(names)}"
    with pytest.raises(Malformed, match=told):
        embed(*(tensor(["a"], name=name) for name in names))


def test_outputs_are_those_asked_for_in_the_order_asked():
    answer = embeddings([[0.5, -0.25]], tokens=[7])
    call = InferCall((), outputs=(Wanted("token_count"),))
    (count,) = oip.embedding_outputs(call, answer)
    assert (count.name, count.datatype, count.shape) == ("token_count", "INT32", [1])
    assert count.raw == (7).to_bytes(4, "little")
    everything = oip.embedding_outputs(InferCall(()), answer)
    assert [(o.name, o.datatype, o.shape) for o in everything] == [
        ("embedding", "FP32", [1, 2]),
        ("token_count", "INT32", [1]),
    ]


@pytest.mark.parametrize(
    ("outputs", "told"),
    [
        (["logits"], "no output 'logits'; this model has 'embedding', 'token_count'"),
        (["embedding", "embedding"], "an output is asked for twice"),
    ],
)
def test_outputs_that_cannot_be_answered_are_refused_before_any_work(outputs, told):
    with pytest.raises(Malformed, match=told):
        embed(tensor(["a"]), outputs=outputs)


def test_parameters_reach_the_rerank_request():
    parameters = {
        "instruction": "i",
        "truncate": False,
        "max_tokens_per_doc": 9,
        "raw_scores": True,
    }
    assert rerank(["q"], ["a", "b"], **parameters) == RerankRequest(
        "q",
        ("a", "b"),
        instruction="i",
        max_tokens_per_document=9,
        truncation=Truncation.NEVER,
        raw_scores=True,
    )


def test_a_query_repeated_for_every_document_is_one_query():
    assert rerank(["q", "q"], ["a", "b"]) == RerankRequest("q", ("a", "b"))


@pytest.mark.parametrize(
    ("queries", "told"),
    [
        (["q", "r", "q"], "input 'query' has 2 different texts; send one request for each"),
        (["q", "q"], "input 'query' has 2 texts; wanted 1 or 3"),
    ],
)
def test_more_than_one_query_is_refused(queries, told):
    with pytest.raises(Malformed, match=told):
        rerank(queries, ["a", "b", "c"])


@pytest.mark.parametrize("names", [("query",), ("query", "texts"), ("query", "query", "documents")])
def test_a_reranker_wants_its_two_inputs_by_name(names):
    inputs = tuple(tensor(["a"], name=name) for name in names)
    told = f"wanted the inputs 'query', 'documents', got {len(names)}"
    with pytest.raises(Malformed, match=told):
        oip.to_rerank_request(InferCall(inputs), MAX_TEXTS)


def test_a_reranker_refuses_outputs_it_does_not_have():
    inputs = (tensor(["q"], name="query"), tensor(["a"], name="documents"))
    with pytest.raises(Malformed, match="no output 'embedding'; this model has 'scores'"):
        oip.to_rerank_request(InferCall(inputs, outputs=(Wanted("embedding"),)), MAX_TEXTS)


def test_scores_keep_the_order_of_the_documents():
    (output,) = oip.score_outputs(scores([0.25, 0.75]))
    assert (output.name, output.datatype, output.shape) == ("scores", "FP32", [2])
    assert output.array.tolist() == [0.25, 0.75]


def test_model_metadata_names_every_tensor():
    assert oip.embedder_tensors(384) == (
        [{"name": "text", "datatype": "BYTES", "shape": [-1]}],
        [
            {"name": "embedding", "datatype": "FP32", "shape": [-1, 384]},
            {"name": "token_count", "datatype": "INT32", "shape": [-1]},
        ],
    )
    assert oip.reranker_tensors() == (
        [
            {"name": "query", "datatype": "BYTES", "shape": [1]},
            {"name": "documents", "datatype": "BYTES", "shape": [-1]},
        ],
        [{"name": "scores", "datatype": "FP32", "shape": [-1]}],
    )
