"""The OpenAPI 3.1 document of this predictor, with the bounds of the model it serves.

Source: OpenAPI Specification 3.1.1.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any

from retrieval_predictor import __version__
from retrieval_predictor.edge.calls import Endpoint
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.operations import Operation, computing, showing
from retrieval_predictor.edge.outputs import offered
from retrieval_predictor.edge.protocol import schemas
from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.edge.protocol.schemas import Bounds
from retrieval_predictor.errors import NotReady
from retrieval_predictor.settings import Scoring

Json = dict[str, Any]

_REFUSALS = {
    400: "not what the route takes",
    401: "no known key",
    404: "another model or version is served here",
    408: "the body did not arrive in time",
    413: "too many bytes or texts",
    415: "compressed in a way that is not taken",
    422: "a text is too long and must not be cut",
    429: "the queue or this worker is full; see Retry-After",
    500: "the server's fault",
    503: "not ready, or draining; retry",
    504: "the caller's time ran out in the queue",
}
_ALWAYS_SHOWN = frozenset({"/", "/metrics", "/v2", "/v2/health/live", "/v2/models"})
"""Pages that answer whatever state the model is in."""
_BINARY = "application/octet-stream"


def document(front: Frontend, endpoints: Collection[Endpoint], keyed: Collection[str]) -> Json:
    """The document, for the routes that compute and for the pages.

    Every endpoint needs a key where keys are asked for; `keyed` are the paths of pages that do.
    """
    bounds = _bounds(front)
    computed, shown = computing(front, bounds), showing(front)
    paths: dict[str, Json] = {
        path: {"get": _page(path, one, front, keyed)} for path, one in shown.items()
    }
    for endpoint in (one for one in endpoints if one.outputs in bounds.outputs):
        entry = paths.setdefault(endpoint.path, {})
        entry["post"] = _call(endpoint, computed[endpoint.path], front)
    if front.keys.are_asked_for:
        _mark_keyed(paths, keyed)
    return {
        "openapi": "3.1.1",
        "info": {"title": f"Retrieval predictor: {front.settings.name}", "version": __version__},
        "components": {"securitySchemes": {"key": {"type": "http", "scheme": "bearer"}}},
        "paths": paths,
    }


def _mark_keyed(paths: dict[str, Json], keyed: Collection[str]) -> None:
    for path, methods in paths.items():
        for method, operation in methods.items():
            if method == "post" or path in keyed:
                operation["security"] = [{"key": []}]


def _bounds(front: Frontend) -> Bounds:
    most = front.settings.limits.max_texts
    try:
        card = front.answerer.card
    except NotReady:
        return Bounds(most)
    return Bounds(
        most,
        card.dimensions,
        card.vocabulary_size,
        tuple(card.prompts),
        takes_instruction=card.scoring == Scoring.YES_NO,
        outputs=offered(card),
        accepts_token_ids=card.accepts_token_ids,
    )


def _call(endpoint: Endpoint, operation: Operation, front: Frontend) -> Json:
    body = {"application/json": {"schema": operation.body, "example": operation.sent}}
    answer = _content(operation)
    if endpoint.dialect is Dialect.OIP:
        body[_BINARY] = {"schema": {"type": "string", "format": "binary"}}
        answer[_BINARY] = {"schema": {"type": "string", "format": "binary"}}
    return {
        "summary": operation.summary,
        "parameters": list(_path_parameters(endpoint.path, front.settings.name)),
        "requestBody": {"required": True, "content": body},
        "responses": {
            "200": {"description": "the answer", "content": answer},
            **_refusals(_REFUSALS, endpoint.dialect),
        },
    }


def _page(path: str, operation: Operation, front: Frontend, keyed: Collection[str]) -> Json:
    dialect = Dialect.OPENAI if path.startswith("/v1/") else Dialect.OIP
    return {
        "summary": operation.summary,
        "parameters": list(_path_parameters(path, front.settings.name)),
        "responses": {
            "200": {"description": "the page", "content": _content(operation)},
            **_refusals(_page_refusals(path, keyed), dialect),
        },
    }


def _page_refusals(path: str, keyed: Collection[str]) -> tuple[int, ...]:
    """The statuses that this page can have beside 200."""
    may = {401: path in keyed, 404: "{" in path, 503: path not in _ALWAYS_SHOWN}
    return tuple(status for status, is_possible in may.items() if is_possible)


def _content(operation: Operation) -> Json:
    example = {} if operation.shown is None else {"example": operation.shown}
    return {operation.media: {"schema": operation.answer, **example}}


def _refusals(statuses: Collection[int], dialect: Dialect) -> Json:
    content = {"application/json": {"schema": schemas.error(dialect)}}
    return {
        str(status): {"description": _REFUSALS[status], "content": content} for status in statuses
    }


def _path_parameters(path: str, served: str) -> Iterator[Json]:
    examples = {"name": served, "version": "1"}
    for name in re.findall(r"{(\w+)}", path):
        schema = {"type": "string", "minLength": 1}
        shown = {"schema": schema, "example": examples[name]}
        yield {"name": name, "in": "path", "required": True, **shown}
