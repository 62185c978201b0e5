"""Any JSON route: a template for the body, and the way to the numbers in the answer.

In the template a string that is exactly `{texts}` becomes the list of texts, `{text}` the only
text, `{query}` the query; everything else is sent as it stands. A template with a query asks for
scores, one without for vectors. The way is a dotted path into the answer, `*` meaning each item of
a list: `data.*.embedding`; empty means that the answer itself is the list.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import orjson

from retrieval_bench.corpus import Request
from retrieval_bench.dialects.answers import table
from retrieval_bench.dialects.wire import Call, Reply, Rows
from retrieval_bench.errors import BadTarget


@dataclass(frozen=True, slots=True)
class Custom:
    """A home-made route, described by the user; make one with `custom`."""

    template: Any
    answer: tuple[str, ...]
    scores: bool
    transport: Literal["http", "grpc"] = "http"

    def call(self, request: Request) -> Call:
        """The template with the request's texts in place of the markers."""
        return Call("/", orjson.dumps(_fill(self.template, _values(request))))

    def rows(self, reply: Reply) -> Rows:
        """The numbers at the end of the way."""
        return table(_follow(orjson.loads(reply.body), self.answer))


def custom(template: str | None, answer: str) -> Custom:
    """The dialect of a template in JSON and a dotted way to the numbers.

    Raises:
        BadTarget: The template is missing, is no JSON, or has no place for the texts.
    """
    if template is None:
        raise BadTarget('the dialect custom needs a template such as \'{"inputs": "{texts}"}\'')
    try:
        body = orjson.loads(template)
    except orjson.JSONDecodeError as error:
        raise BadTarget(f"the template is not JSON: {error}") from error
    marks = _marks(body)
    if not marks & {"{texts}", "{text}"}:
        raise BadTarget('the template has no "{texts}" or "{text}" where the texts should go')
    way = tuple(answer.split(".")) if answer else ()
    return Custom(body, way, scores="{query}" in marks)


def _values(request: Request) -> dict[str, Any]:
    return {"{texts}": request.texts, "{text}": request.texts[0], "{query}": request.query}


def _fill(body: Any, values: dict[str, Any]) -> Any:
    if isinstance(body, dict):
        return {key: _fill(value, values) for key, value in body.items()}
    if isinstance(body, list):
        return [_fill(value, values) for value in body]
    return values.get(body, body) if isinstance(body, str) else body


def _marks(body: Any) -> set[str]:
    if isinstance(body, dict):
        return set().union(*map(_marks, body.values()))
    if isinstance(body, list):
        return set().union(*map(_marks, body))
    return {body} if isinstance(body, str) else set()


def _follow(body: Any, way: tuple[str, ...]) -> Any:
    if not way:
        return body
    step, rest = way[0], way[1:]
    if step == "*":
        return [_follow(item, rest) for item in body]
    return _follow(body[int(step)] if isinstance(body, list) else body[step], rest)
