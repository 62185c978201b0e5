"""OpenTelemetry's variables decide about spans; steps add up and follow one another."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.edge.tracing import steps, trace_id_of, wanted
from retrieval_predictor.wire.work import Passes, Timings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://collector:4318"}
TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
seconds = st.floats(0, 100)


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({}, False),
        (ENDPOINT, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": " "}, False),
        (ENDPOINT | {"OTEL_SDK_DISABLED": "TRUE"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "none"}, False),
        (ENDPOINT | {"OTEL_TRACES_EXPORTER": "otlp"}, True),
        ({"OTEL_TRACES_EXPORTER": "otlp"}, False),
    ],
)
def test_spans_are_wanted_where_an_endpoint_is_named_and_nothing_speaks_against_it(
    environment, expected
):
    assert wanted(environment) is expected


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (f"00-{TRACE}-{PARENT}-01", TRACE),
        (f"00-{TRACE}-{PARENT}-00", TRACE),
        (f"01-{TRACE}-{PARENT}-01-more", TRACE),
        (f"ff-{TRACE}-{PARENT}-01", None),
        (f"00-{'0' * 32}-{PARENT}-01", None),
        (f"00-{TRACE}-{'0' * 16}-01", None),
        (f"00-{TRACE.upper()}-{PARENT}-01", None),
        (f"00-{TRACE}", None),
        ("", None),
    ],
)
def test_a_trace_id_is_taken_from_a_valid_traceparent_alone(header, expected):
    assert trace_id_of({"traceparent": header}) == expected
    assert trace_id_of({}) is None


@given(st.builds(Timings, seconds, seconds, seconds, seconds))
def test_steps_follow_one_another_and_add_up_to_the_timings(timings):
    told = list(steps(timings))
    assert told[0].start_s == timings.started_s
    for before, after in pairwise(told):
        assert after.start_s == pytest.approx(before.start_s + before.length_s)
    whole = timings.tokenise_s + timings.queue_s + timings.forward_s
    assert sum(step.length_s for step in told) == pytest.approx(whole)


def test_rows_out_of_the_cache_were_only_tokenised():
    assert [step.name for step in steps(Timings(tokenise_s=0.1))] == ["tokenise"]


def test_the_forward_step_tells_of_its_batches():
    *_, forward = steps(Timings(forward_s=0.1, passes=Passes(2, 8, 512)))
    assert forward.facts == {
        "retrieval.batches": 2,
        "retrieval.batch.texts": 8,
        "retrieval.batch.tokens": 512,
    }
