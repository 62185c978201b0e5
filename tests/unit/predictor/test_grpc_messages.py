"""A gRPC message becomes the call that its tensors ask for, or is refused with what is wrong."""

from __future__ import annotations

import subprocess
import sys
import textwrap


def test_contents_and_raw_contents_are_the_same_call_and_mixtures_are_refused():
    """In a process of its own: Triton's client registers messages of the same names."""
    code = """
        from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferRequest
        from retrieval_predictor.errors import Malformed
        from retrieval_predictor.edge.protocol.tensors import texts
        from retrieval_predictor.edge.grpc import to_call

        def call(raw, **contents):
            tensor = {"name": "text", "datatype": "BYTES", "shape": [1], **contents}
            return to_call(ModelInferRequest(inputs=[tensor], raw_input_contents=raw, id="42"))

        plain = call([], contents={"bytes_contents": [b"a"]})
        packed = call([b"\\x01\\0\\0\\0a"])
        assert plain.request_id == packed.request_id == "42"
        assert texts(plain.inputs[0], 1) == texts(packed.inputs[0], 1) == ("a",)
        for raw in ([b"", b""], [b""]):
            try:
                call(raw, contents={"bytes_contents": [b"a"]})
            except Malformed as error:
                print(error)
        """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "1 inputs and 2 raw_input_contents" in done.stdout
    assert "has contents beside raw_input_contents" in done.stdout
