"""A large answer is the same JSON in pieces, none of which holds the loop up for long."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as some

from retrieval_predictor.edge.protocol import oip, oip_rest, openai, pieces, tei
from retrieval_predictor.edge.protocol.oip import InferCall
from retrieval_predictor.edge.protocol.openai import EmbeddingsCall, Encoding
from retrieval_predictor.wire.work import EmbedRequest
from tests.support.wire import embeddings

LARGE = embeddings(np.random.default_rng(0).standard_normal((700, 384)).astype(np.float32))


@given(some.lists(some.lists(some.integers(0, 9), max_size=4).filter(len), max_size=5))
def test_a_list_in_parts_is_the_list(parts: list[list[int]]):
    told = b"".join(pieces.listed(map(orjson.dumps, parts)))
    assert orjson.loads(told) == [one for part in parts for one in part]


@given(some.lists(some.integers(0, 9).map(lambda size: list(range(size))), max_size=5))
def test_a_list_of_items_in_pieces_is_the_list(items: list[list[int]]):
    told = b"".join(pieces.chained([orjson.dumps(item)] for item in items))
    assert orjson.loads(told) == items


@pytest.mark.parametrize("shape", [(0,), (5,), (200_000,), (0, 3), (3, 0), (2000, 100)])
def test_an_array_in_pieces_is_the_array(shape: tuple[int, ...]):
    array = np.arange(np.prod(shape), dtype=np.float32).reshape(shape)
    assert orjson.loads(b"".join(pieces.numbers(array))) == array.tolist()


@given(some.lists(some.binary(max_size=200_000), max_size=8))
def test_gathered_pieces_are_the_same_bytes_and_only_the_last_is_small(parts: list[bytes]):
    gathered = list(pieces.gathered(parts))
    assert b"".join(gathered) == b"".join(parts)
    assert all(len(piece) >= pieces.PIECE_BYTES for piece in gathered[:-1])


@pytest.mark.parametrize("encoding", list(Encoding))
def test_a_large_openai_answer_counts_on_across_its_pieces(encoding: Encoding):
    call = EmbeddingsCall(EmbedRequest(("a",)), encoding=encoding)
    parts = list(openai.render(call, LARGE, "m"))
    read = orjson.loads(b"".join(parts))
    assert len(parts) > 4
    assert [item["index"] for item in read["data"]] == list(range(700))
    assert read["usage"]["total_tokens"] == 2100
    if encoding is Encoding.FLOAT:
        vectors = np.array([item["embedding"] for item in read["data"]], dtype=np.float32)
        np.testing.assert_array_equal(vectors, LARGE.vectors)


def test_large_answers_of_other_routes_come_in_pieces_of_bounded_size():
    outputs = oip.embedding_outputs(InferCall(()), LARGE)
    body = oip_rest.render(InferCall(()), outputs, model="m", answer_id="i")
    for parts in (list(tei.render(LARGE)), list(body.pieces)):
        assert len(parts) > 4
        assert max(map(len, parts)) < 25 * pieces.NUMBERS
        orjson.loads(b"".join(parts))
