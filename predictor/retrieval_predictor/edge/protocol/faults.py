"""Every error as an HTTP status, a gRPC code and a body in the dialect of the route.

One table, looked up along the class's ancestors, so that a new leaf has a status from its branch.
Who acts decides: the caller (4xx), the caller later (429), the router (503), us (500).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson

from retrieval_predictor.errors import (
    AnswerTooLarge,
    BodyTooLarge,
    BodyTooSlow,
    DeadlineExceeded,
    InputTooLong,
    Overloaded,
    RequestError,
    RetrievalError,
    TooManyTexts,
    Unauthorised,
    Unavailable,
    UnknownModel,
    UnknownVersion,
    UnsupportedEncoding,
    WorkerFull,
)


class Dialect(StrEnum):
    """Whose error body a route writes."""

    OIP = "oip"
    OPENAI = "openai"
    COHERE = "cohere"
    TEI = "tei"


@dataclass(frozen=True, slots=True)
class Fault:
    """What one class of error is on each wire.

    `grpc` is the name of a `grpc.StatusCode`, `openai` the `type` of OpenAI's error object, `tei`
    the `error_type` of text-embeddings-inference.
    """

    status: int
    grpc: str
    openai: str
    tei: str


_INVALID = Fault(400, "INVALID_ARGUMENT", "invalid_request_error", "Validation")
_NOT_FOUND = Fault(404, "NOT_FOUND", "invalid_request_error", "Validation")
_TOO_LARGE = Fault(413, "INVALID_ARGUMENT", "invalid_request_error", "Validation")
_LATER = Fault(429, "RESOURCE_EXHAUSTED", "rate_limit_error", "Overloaded")
_OURS = Fault(500, "INTERNAL", "server_error", "Backend")

FAULTS: Mapping[type[BaseException], Fault] = {
    RequestError: _INVALID,
    Unauthorised: Fault(401, "UNAUTHENTICATED", "authentication_error", "Validation"),
    UnknownModel: _NOT_FOUND,
    UnknownVersion: _NOT_FOUND,
    AnswerTooLarge: _TOO_LARGE,
    BodyTooLarge: _TOO_LARGE,
    BodyTooSlow: Fault(408, "DEADLINE_EXCEEDED", "invalid_request_error", "Validation"),
    TooManyTexts: _TOO_LARGE,
    UnsupportedEncoding: Fault(415, "INVALID_ARGUMENT", "invalid_request_error", "Validation"),
    InputTooLong: Fault(422, "INVALID_ARGUMENT", "invalid_request_error", "Tokenizer"),
    Overloaded: _LATER,
    WorkerFull: _LATER,
    Unavailable: Fault(503, "UNAVAILABLE", "server_error", "Unhealthy"),
    DeadlineExceeded: Fault(504, "DEADLINE_EXCEEDED", "server_error", "Overloaded"),
    RetrievalError: _OURS,
    BaseException: _OURS,
}

_MAX_RETRY_S = 3600.0


def fault_of(error: BaseException) -> Fault:
    """The row of the nearest ancestor of `error`; any exception has one."""
    return next(FAULTS[ancestor] for ancestor in type(error).__mro__ if ancestor in FAULTS)


def code_of(error: BaseException) -> str:
    """The stable name of `error`; `internal` for one that is not ours."""
    return error.code if isinstance(error, RetrievalError) else "internal"


def message_of(error: BaseException) -> str:
    """What the caller is told: the error's own words, without internals when the fault is ours."""
    if fault_of(error) is _OURS:
        return f"the request failed in the server ({code_of(error)}); its log has the cause"
    return str(error)


def headers_of(error: BaseException) -> dict[str, str]:
    """Response headers beside the body: when to retry, how to authenticate, how to encode.

    Units: Retry-After is whole seconds, 1 to 3600 (RFC 9110, 10.2.3).
    """
    if isinstance(error, Overloaded):
        wait_s = min(max(1.0, error.retry_after_s), _MAX_RETRY_S)
        return {"retry-after": str(math.ceil(wait_s))}
    if isinstance(error, Unavailable | WorkerFull):
        return {"retry-after": "1"}
    if isinstance(error, UnsupportedEncoding):
        return {"accept-encoding": "gzip, deflate"}
    if isinstance(error, Unauthorised):
        return {"www-authenticate": "Bearer"}
    return {}


def body_of(error: BaseException, dialect: Dialect) -> bytes:
    """The JSON body of `error` in `dialect`."""
    fault = fault_of(error)
    message = message_of(error).encode("utf-8", "replace").decode("utf-8")
    bodies: Mapping[Dialect, Any] = {
        Dialect.OIP: {"error": message},
        Dialect.OPENAI: {
            "error": {
                "message": message,
                "type": fault.openai,
                "param": None,
                "code": code_of(error),
            }
        },
        Dialect.COHERE: {"message": message},
        Dialect.TEI: {"error": message, "error_type": fault.tei},
    }
    return orjson.dumps(bodies[dialect])
