"""Every error has a status, a gRPC code and a body in each dialect, and none tells internals."""

import dataclasses
import json
from typing import Any

import grpc
import pytest

from retrieval_predictor import errors
from retrieval_predictor.edge.protocol import faults
from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.errors import RetrievalError

LEAVES = list(errors.leaves())

WIRE = {
    errors.Malformed: (400, "INVALID_ARGUMENT"),
    errors.NoTokens: (400, "INVALID_ARGUMENT"),
    errors.TokenIdsRefused: (400, "INVALID_ARGUMENT"),
    errors.OutOfVocabulary: (400, "INVALID_ARGUMENT"),
    errors.Unauthorised: (401, "UNAUTHENTICATED"),
    errors.UnknownModel: (404, "NOT_FOUND"),
    errors.UnknownVersion: (404, "NOT_FOUND"),
    errors.BodyTooSlow: (408, "DEADLINE_EXCEEDED"),
    errors.AnswerTooLarge: (413, "INVALID_ARGUMENT"),
    errors.BodyTooLarge: (413, "INVALID_ARGUMENT"),
    errors.TooManyTexts: (413, "INVALID_ARGUMENT"),
    errors.UnsupportedEncoding: (415, "INVALID_ARGUMENT"),
    errors.InputTooLong: (422, "INVALID_ARGUMENT"),
    errors.Overloaded: (429, "RESOURCE_EXHAUSTED"),
    errors.WorkerFull: (429, "RESOURCE_EXHAUSTED"),
    errors.NotReady: (503, "UNAVAILABLE"),
    errors.EngineLost: (503, "UNAVAILABLE"),
    errors.DeviceLost: (503, "UNAVAILABLE"),
    errors.DeadlineExceeded: (504, "DEADLINE_EXCEEDED"),
    errors.ModelFailure: (500, "INTERNAL"),
    errors.NonFinite: (500, "INTERNAL"),
    errors.OutOfDeviceMemory: (500, "INTERNAL"),
    errors.ModelNotFound: (500, "INTERNAL"),
    errors.UnsupportedModel: (500, "INTERNAL"),
    errors.UnsafeCheckpoint: (500, "INTERNAL"),
    errors.NotEnoughMemory: (500, "INTERNAL"),
    errors.ImpossibleSettings: (500, "INTERNAL"),
    errors.PortTaken: (500, "INTERNAL"),
    errors.PreparationRefused: (500, "INTERNAL"),
}


def example(leaf: type[RetrievalError]) -> RetrievalError:
    """An instance of `leaf` with made-up facts of the right types."""
    values: dict[Any, Any] = {"int": 5, "float": 1.5, "str": "secret"}
    return leaf(**{field.name: values[field.type] for field in dataclasses.fields(leaf)})


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_every_error_has_the_status_of_who_must_act(leaf):
    fault = faults.fault_of(example(leaf))
    assert (fault.status, fault.grpc) == WIRE[leaf]
    assert fault.grpc in grpc.StatusCode.__members__


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_a_fault_of_ours_tells_no_internals(leaf):
    error = example(leaf)
    bodies = b"".join(faults.body_of(error, dialect) for dialect in Dialect)
    if faults.fault_of(error).status == 500:
        assert b"secret" not in bodies
        assert leaf.code.encode() in bodies
    else:
        assert json.dumps(str(error)).encode() in bodies


def test_an_error_that_nobody_foresaw_is_a_500_without_its_text():
    error = ZeroDivisionError("secret")
    assert faults.fault_of(error).status == 500
    assert (
        faults.message_of(error)
        == "the request failed in the server (internal); its log has the cause"
    )


def test_each_dialect_has_its_own_body():
    error = errors.TooManyTexts(count=5, limit=4)
    message = "5 texts in one request, the limit is 4; split the request"
    bodies = {dialect: json.loads(faults.body_of(error, dialect)) for dialect in Dialect}
    assert bodies == {
        Dialect.OIP: {"error": message},
        Dialect.OPENAI: {
            "error": {
                "message": message,
                "type": "invalid_request_error",
                "param": None,
                "code": "too_many_texts",
            }
        },
        Dialect.COHERE: {"message": message},
        Dialect.TEI: {"error": message, "error_type": "Validation"},
    }


@pytest.mark.parametrize(
    ("retry_after_s", "header"),
    [(0.0, "1"), (0.2, "1"), (1.0, "1"), (1.1, "2"), (7200.0, "3600"), (float("inf"), "3600")],
)
def test_retry_after_is_whole_seconds_and_at_least_one(retry_after_s, header):
    error = errors.Overloaded(1, 2, 3, retry_after_s=retry_after_s)
    assert faults.headers_of(error) == {"retry-after": header}


def test_a_pod_that_cannot_answer_asks_for_a_retry_in_a_second():
    assert faults.headers_of(errors.EngineLost()) == {"retry-after": "1"}


def test_a_missing_key_says_how_to_send_one():
    assert faults.headers_of(errors.Unauthorised()) == {"www-authenticate": "Bearer"}


def test_other_errors_add_no_headers():
    assert faults.headers_of(errors.Malformed("x")) == {}


def test_a_message_that_is_no_unicode_still_becomes_a_body():
    assert faults.body_of(errors.Malformed("\udcff"), Dialect.COHERE) == b'{"message":"?"}'
