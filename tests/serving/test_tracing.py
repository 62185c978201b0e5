"""A request's spans reach a collector under the caller's trace, and add up to its time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from dataclasses import dataclass

import pytest
import tritonclient.grpc as triton
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.support.collector import Collector, collecting, facts
from tests.support.processes import Predictor, running
from tests.support.tensors import text_tensor
from tests.support.waiting import until

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

SECRET = "the-merger-closes-in-march"


@dataclass(frozen=True, slots=True)
class Traced:
    predictor: Predictor
    collector: Collector


@dataclass(frozen=True, slots=True)
class Caller:
    """Whoever asked first: a trace of its own, and the span that calls us."""

    trace: str
    span: str

    @property
    def headers(self) -> dict[str, str]:
        return {"traceparent": f"00-{self.trace}-{self.span}-01"}


def caller() -> Caller:
    return Caller(secrets.token_hex(16), secrets.token_hex(8))


@pytest.fixture(scope="module")
def traced(tmp_path_factory) -> Iterator[Traced]:
    with collecting() as collector, pytest.MonkeyPatch.context() as patch:
        patch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        patch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        folder = tmp_path_factory.mktemp("traced")
        with running(folder, component="embedder", workers=2, max_input_tokens=128) as predictor:
            yield Traced(predictor, collector)


def by_name(spans: list[Span]) -> dict[str, Span]:
    return {span.name: span for span in spans}


def test_a_request_is_a_span_of_the_callers_trace_with_its_steps_inside(traced):
    asker, texts = caller(), [f"{SECRET} {n}" for n in range(3)]
    answer = traced.predictor.post(
        "/v1/embeddings", json={"input": texts}, headers={**asker.headers, "x-request-id": "q-1"}
    )
    assert answer.headers["x-request-id"] == "q-1"
    spans = traced.collector.of(asker.trace, 4)
    server, *steps = spans
    assert [span.name for span in steps] == ["tokenise", "queue", "forward"]
    assert (server.name, server.kind) == ("POST /v1/embeddings", Span.SPAN_KIND_SERVER)
    assert server.parent_span_id.hex() == asker.span
    assert {span.parent_span_id for span in steps} == {server.span_id}
    told = facts(server)
    assert told["http.response.status_code"] == 200
    assert told["retrieval.request_id"] == "q-1"
    assert told["retrieval.texts"] == 3
    assert told["gen_ai.request.model"] == "embedder"
    assert told["gen_ai.usage.input_tokens"] == answer.json()["usage"]["prompt_tokens"]
    forward = facts(by_name(spans)["forward"])
    assert forward["retrieval.batches"] >= 1
    assert 1 <= forward["retrieval.batch.texts"] <= 3
    assert forward["retrieval.batch.tokens"] <= told["gen_ai.usage.input_tokens"]


def test_steps_follow_one_another_and_lie_within_the_request(traced):
    asker = caller()
    traced.predictor.post(
        "/v1/embeddings", json={"input": f"{SECRET} in order"}, headers=asker.headers
    )
    server, *steps = traced.collector.of(asker.trace, 4)
    edges = [server.start_time_unix_nano]
    for span in steps:
        edges += [span.start_time_unix_nano, span.end_time_unix_nano]
    edges.append(server.end_time_unix_nano)
    assert edges == sorted(edges)
    whole_ns = server.end_time_unix_nano - server.start_time_unix_nano
    assert sum(one.end_time_unix_nano - one.start_time_unix_nano for one in steps) <= whole_ns


def test_a_request_without_a_trace_starts_one(traced):
    before = len(traced.collector.spans)
    traced.predictor.post("/embed", json={"inputs": f"{SECRET} alone"})
    asker = caller()
    traced.predictor.post("/embed", json={"inputs": "the next"}, headers=asker.headers)
    traced.collector.of(asker.trace, 4)

    def roots() -> list[Span]:
        later = traced.collector.spans[before:]
        return [one for one in later if one.name == "POST /embed" and not one.parent_span_id]

    until(roots, 30)  # the other worker may answer the other request, and sends its spans by itself
    assert len(roots()) == 1


def test_an_unsampled_caller_gets_no_spans(traced):
    silent, asker = caller(), caller()
    unsampled = {"traceparent": f"00-{silent.trace}-{silent.span}-00"}
    traced.predictor.post("/v1/embeddings", json={"input": "quiet"}, headers=unsampled)
    traced.predictor.post("/v1/embeddings", json={"input": "loud"}, headers=asker.headers)
    traced.collector.of(asker.trace, 4)
    assert silent.trace not in {one.trace_id.hex() for one in traced.collector.spans}


def test_a_refused_request_tells_its_status_and_cause_and_is_no_fault_of_ours(traced):
    asker = caller()
    body = {"input": [SECRET], "dimensions": 99999}
    traced.predictor.post("/v1/embeddings", json=body, headers=asker.headers)
    (server,) = traced.collector.of(asker.trace, 1)
    told = facts(server)
    assert (told["http.response.status_code"], told["error.type"]) == (400, "malformed")
    assert server.status.code == Status.STATUS_CODE_UNSET


def test_grpc_calls_are_spans_too(traced):
    asker = caller()
    client = triton.InferenceServerClient(traced.predictor.grpc)
    inputs = [text_tensor(triton, "text", [f"{SECRET} by gRPC"])]
    answer = client.infer("embedder", inputs, headers={**asker.headers, "x-request-id": "g-1"})
    assert answer.get_response().id == "g-1"
    server, *steps = traced.collector.of(asker.trace, 4)
    assert server.name == "inference.GRPCInferenceService/ModelInfer"
    assert facts(server)["rpc.response.status_code"] == "OK"
    assert [span.name for span in steps] == ["tokenise", "queue", "forward"]


def test_no_span_holds_a_text(traced):
    asker = caller()
    traced.predictor.post("/v1/embeddings", json={"input": SECRET}, headers=asker.headers)
    traced.collector.of(asker.trace, 4)
    assert traced.collector.service == "retrieval-embedder"
    assert not any(SECRET.encode() in body for body in traced.collector.bodies)
