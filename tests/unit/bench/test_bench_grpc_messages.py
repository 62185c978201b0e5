"""Our few message declarations agree with the generated ones of KServe, byte for byte."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import numpy as np
import pytest

from retrieval_bench.corpus import Request
from retrieval_bench.dialects import answers
from retrieval_bench.dialects.inference_grpc import METHOD, InferGrpc
from retrieval_bench.dialects.wire import Reply
from retrieval_bench.errors import WrongAnswer

TWO = Request("why", ("first", "zweiter ü"))


@pytest.fixture(scope="module")
def theirs():
    """KServe's generated module, without importing all of KServe."""
    package = importlib.util.find_spec("kserve")
    assert package
    assert package.origin
    path = Path(package.origin).parent / "protocol/grpc/grpc_predict_v2_pb2.py"
    spec = importlib.util.spec_from_file_location("grpc_predict_v2_pb2", path)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault("grpc_predict_v2_pb2", module)
    spec.loader.exec_module(module)
    return module


def test_a_request_is_read_by_the_generated_messages_as_it_was_meant(theirs):
    call = InferGrpc("m", scores=True).call(TWO)
    read = theirs.ModelInferRequest.FromString(call.body)
    assert call.path == METHOD
    assert (read.model_name, read.id) == ("m", "retrieval-bench")
    assert [(t.name, t.datatype, list(t.shape)) for t in read.inputs] == [
        ("query", "BYTES", [1]),
        ("documents", "BYTES", [2]),
    ]
    assert [text.decode() for text in read.inputs[1].contents.bytes_contents] == list(TWO.texts)


@pytest.mark.parametrize("raw", [True, False])
def test_both_forms_of_output_are_read(theirs, raw):
    vectors = np.array([[1.0, 2.5], [3.0, 4.0]], dtype=np.float32)
    response = theirs.ModelInferResponse(model_name="m", id="7")
    response.parameters["k"].bool_param = True
    count = response.outputs.add(name="token_count", datatype="INT32", shape=[2])
    output = response.outputs.add(name="embedding", datatype="FP32", shape=[2, 2])
    if raw:
        response.raw_output_contents.extend([b"\0" * 8, vectors.tobytes()])
    else:
        count.contents.int_contents.extend([3, 4])
        output.contents.fp32_contents.extend(vectors.ravel().tolist())
    reply = Reply(response.SerializeToString())
    assert (answers.read(InferGrpc("m", scores=False), reply, TWO, None) == vectors).all()


def test_a_message_that_is_none_is_a_wrong_answer():
    with pytest.raises(WrongAnswer):
        answers.read(InferGrpc("m", scores=False), Reply(b"\xff\xff\xff"), TWO, None)
