"""POST /embed takes and answers TEI's shape."""

import numpy as np

from retrieval_predictor.edge.protocol import tei
from retrieval_predictor.wire.work import Embeddings, EmbedRequest, Truncation
from tests.support.wire import embeddings, json_bytes


def test_a_whole_body_becomes_a_request():
    body = {
        "inputs": ["a", "b"],
        "truncate": True,
        "truncation_direction": "Left",
        "prompt_name": "query",
        "normalize": False,
        "dimensions": 8,
    }
    assert tei.parse(json_bytes(body), max_texts=2) == EmbedRequest(
        inputs=("a", "b"),
        prompt_name="query",
        dimensions=8,
        truncation=Truncation.LEFT,
        normalise=False,
    )


def test_long_texts_are_cut_unless_the_caller_says_otherwise():
    assert tei.parse(b'{"inputs":"a"}', 1).truncation is Truncation.RIGHT
    assert tei.parse(b'{"inputs":"a","truncate":false}', 1).truncation is Truncation.NEVER


def test_the_answer_is_a_list_of_vectors():
    answer = embeddings([[0.5, -0.25], [1.0, 0.1]])
    assert b"".join(tei.render(answer)) == b"[[0.5,-0.25],[1.0,0.1]]"


def test_vectors_cut_out_of_a_wider_array_are_written_right():
    wide = np.arange(6, dtype=np.float32).reshape(2, 3)
    answer = embeddings(np.zeros((2, 2)))
    view = Embeddings(wide[:, ::2], answer.token_counts, answer.truncated)
    assert b"".join(tei.render(view)) == b"[[0.0,2.0],[3.0,5.0]]"
