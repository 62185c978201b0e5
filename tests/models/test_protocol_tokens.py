"""Weights and token vectors on the wire: the same numbers by every route, or what is missing."""

from __future__ import annotations

import struct
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pytest

from retrieval_predictor.edge import calls, facts, openapi
from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.edge.budget import Budget, Holding
from retrieval_predictor.edge.calls import EMBEDDER_ENDPOINTS, Incoming
from retrieval_predictor.edge.frontend import Frontend, build
from retrieval_predictor.edge.keys import Keys
from retrieval_predictor.edge.outputs import EVERYTHING
from retrieval_predictor.errors import Malformed, NotReady
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Precision, Settings
from retrieval_predictor.wire.work import Caller, Embeddings, EmbedRequest
from tests.support import checkpoints
from tests.support.near import NearEngine
from tests.support.token_outputs import m3
from tests.support.wire import json_bytes

TEXTS = ["how do I bake a loaf of bread", "dough", ""]
NAMES = ["sparse_indices", "sparse_values", "sparse_lengths", "colbert", "colbert_lengths"]


def front_of(folder: Path) -> Frontend:
    settings = Settings(
        model={"uri": f"file://{folder}"},
        precision=Precision.FP32,
        runtime_dir=folder,
        accept_token_ids=True,
    )
    near: Any = NearEngine(load(settings, folder))
    return Frontend(settings, near, Answerer(near), Keys(None, lambda: 0.0), Budget(9, 2**30))


@pytest.fixture(scope="module")
def front(tmp_path_factory) -> Frontend:
    return front_of(m3(tmp_path_factory.mktemp("models") / "m3"))


@pytest.fixture(scope="module")
def plain(tmp_path_factory) -> Frontend:
    folder = tmp_path_factory.mktemp("models") / "plain"
    return front_of(checkpoints.sentence_files(checkpoints.xlm_roberta(folder)))


@pytest.fixture
async def wanted(front: Frontend) -> Embeddings:
    return await front.answerer.embed(EmbedRequest(tuple(TEXTS), outputs=EVERYTHING))


def body(names: list[str], **parameters: object) -> bytes:
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(TEXTS)], "data": TEXTS}
    outputs = [{"name": name} for name in names]
    return json_bytes({"inputs": [tensor], "outputs": outputs, "parameters": parameters})


def incoming(content: bytes) -> Incoming:
    return Incoming(content, Caller(), Holding(Budget(9, 2**30)), "1")


def arrays_of(answer: Embeddings) -> dict[str, np.ndarray]:
    sparse, colbert = answer.sparse, answer.colbert
    assert sparse is not None
    assert colbert is not None
    arrays = (sparse.indices, sparse.values, sparse.lengths, colbert.vectors, colbert.lengths)
    return {**dict(zip(NAMES, arrays, strict=True)), "embedding": answer.vectors}


async def test_inference_gives_the_outputs_that_are_asked_for_in_their_order(front, wanted):
    names = ["colbert_lengths", "embedding", *NAMES[:4]]
    reply = await calls.infer(front, incoming(body(names)))
    outputs = orjson.loads(b"".join(reply.pieces))["outputs"]
    assert [output["name"] for output in outputs] == names
    for output in outputs:
        array = arrays_of(wanted)[output["name"]]
        assert output["shape"] == list(array.shape)
        assert output["datatype"] == ("INT32" if array.dtype == np.int32 else "FP32")
        np.testing.assert_allclose(output["data"], array.reshape(-1), rtol=1e-6)


async def test_inference_sends_them_as_bytes_to_whoever_wants_bytes(front, wanted):
    reply = await calls.infer(front, incoming(body(NAMES, binary_data_output=True)))
    sizes = [array.nbytes for array in arrays_of(wanted).values()][:5]
    content = b"".join(reply.pieces)
    head = int(reply.headers["inference-header-content-length"])
    outputs = orjson.loads(content[:head])["outputs"]
    assert [output["parameters"]["binary_data_size"] for output in outputs] == sizes
    raw = b"".join(arrays_of(wanted)[name].tobytes() for name in NAMES)
    assert content[head:] == raw


async def test_who_asks_for_nothing_gets_the_vectors_alone(front):
    reply = await calls.infer(front, incoming(body([])))
    names = [output["name"] for output in orjson.loads(b"".join(reply.pieces))["outputs"]]
    assert names == ["embedding", "token_count"]


def test_a_grpc_message_asks_for_them_and_carries_them():
    """In a process of its own: Triton's client registers messages of the same names."""
    code = """
        import numpy as np
        from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest
        from retrieval_predictor.edge.protocol import oip
        from retrieval_predictor.edge.grpc import to_call, to_message
        from retrieval_predictor.wire.work import Embeddings, Outputs, Sparse

        tensor = {"name": "text", "datatype": "BYTES", "shape": [1]}
        tensor["contents"] = {"bytes_contents": [b"a"]}
        outputs = [{"name": "sparse_values"}, {"name": "sparse_indices"}]
        call = to_call(ModelInferRequest(inputs=[tensor], outputs=outputs))
        request = oip.to_embed_request(call, 1, Outputs.DENSE | Outputs.SPARSE)
        ids, weights = np.array([7], np.int32), np.array([0.5], np.float32)
        none = np.empty((1, 0), np.float32)
        answer = Embeddings(none, ids, ids > 9, sparse=Sparse(ids, weights, ids))
        made = oip.embedding_outputs(call, answer)
        message = to_message(call, made, model="m", answer_id="1", truncated=0)
        print(request.outputs.name, b"".join(message.raw_output_contents).hex())
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["SPARSE", struct.pack("<fi", 0.5, 7).hex()]


async def test_embed_sparse_gives_ids_and_weights_of_each_text(front, wanted):
    reply = await calls.tei_embed_sparse(front, incoming(json_bytes({"inputs": TEXTS})))
    rows = orjson.loads(b"".join(reply.pieces))
    assert [len(row) for row in rows] == wanted.sparse.lengths.tolist()
    pairs = [(one["index"], one["value"]) for row in rows for one in row]
    assert [index for index, _ in pairs] == wanted.sparse.indices.tolist()
    np.testing.assert_allclose([v for _, v in pairs], wanted.sparse.values, rtol=1e-6)


async def test_embed_all_gives_the_token_vectors_of_each_text(front, wanted):
    reply = await calls.tei_embed_all(front, incoming(json_bytes({"inputs": TEXTS})))
    rows = orjson.loads(b"".join(reply.pieces))
    assert [len(row) for row in rows] == wanted.colbert.lengths.tolist()
    vectors = [vector for row in rows for vector in row]
    np.testing.assert_allclose(vectors, wanted.colbert.vectors, rtol=1e-6)


@pytest.mark.parametrize("handle", [calls.tei_embed_sparse, calls.tei_embed_all])
async def test_a_text_without_any_is_an_empty_list(handle, front):
    reply = await handle(front, incoming(json_bytes({"inputs": [[0]]})))
    assert orjson.loads(b"".join(reply.pieces)) == [[]]


def test_metadata_lists_them(front):
    shapes = {one["name"]: one["shape"] for one in facts.model_facts(front)["outputs"]}
    assert shapes == {
        "embedding": [-1, 48],
        "token_count": [-1],
        **{name: [-1] for name in NAMES},
        "colbert": [-1, 40],
    }


async def test_a_model_without_them_refuses_them_as_any_unknown_output(plain):
    with pytest.raises(Malformed, match="no output 'colbert'; this model has 'embedding', 'token"):
        await calls.infer(plain, incoming(body(["colbert"])))
    with pytest.raises(Malformed, match="no output 'sparse'; this model has 'embedding'"):
        await calls.tei_embed_sparse(plain, incoming(json_bytes({"inputs": "a"})))


async def test_until_the_model_is_loaded_nobody_is_told_that_it_lacks_them(tmp_path):
    loading = build(Settings(runtime_dir=tmp_path))
    with pytest.raises(NotReady):
        await calls.infer(loading, incoming(body(["colbert"])))


def test_the_api_page_tells_of_the_routes_that_the_model_has(front, plain):
    told = {
        one.settings.model.uri: openapi.document(one, EMBEDDER_ENDPOINTS, ())["paths"]
        for one in (front, plain)
    }
    has, lacks = told.values()
    assert set(has) - set(lacks) == {"/embed_sparse", "/embed_all"}
