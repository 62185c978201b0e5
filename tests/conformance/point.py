"""One point of the Open Inference Protocol over REST, and the requests that points are made of."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

Check = Callable[[httpx.Response], bool]
MODEL = "/v2/models/embedder"


@dataclass(frozen=True, slots=True)
class Point:
    """One thing the protocol asks for: a request, and the status and body that answer it."""

    part: str
    says: str
    path: str
    status: int
    check: Check
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)
    reranker: bool = False

    @property
    def method(self) -> str:
        """POST where there is a body, as in the protocol."""
        return "GET" if self.body is None else "POST"

    @property
    def content(self) -> bytes | None:
        """The body as bytes."""
        raw = self.body is None or isinstance(self.body, bytes)
        return self.body if raw else orjson.dumps(self.body)


def text(texts: Sequence[Any] = ("a", "b"), **fields: Any) -> dict[str, Any]:
    """An input tensor with these texts; keywords replace its fields, None drops one."""
    tensor = {"name": "text", "datatype": "BYTES", "shape": [len(texts)], "data": texts, **fields}
    return {name: value for name, value in tensor.items() if value is not None}


def call(*inputs: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An inference request with these inputs, or with two texts."""
    return {"inputs": list(inputs or (text(),)), **more}


def outputs(answer: httpx.Response) -> dict[str, dict[str, Any]]:
    """The outputs by name."""
    return {one["name"]: one for one in answer.json()["outputs"]}


def refused(*words: str) -> Check:
    """An error object with nothing but `error`, whose message has these words."""

    def check(answer: httpx.Response) -> bool:
        body = answer.json()
        return list(body) == ["error"] and all(word in body["error"] for word in words)

    return check


def infer(says: str, status: int, check: Check, body: Any, **more: Any) -> Point:
    """A request for inference to the embedder."""
    part = "Inference" if status == 200 else "Inference, refused"
    return Point(part, says, MODEL + "/infer", status, check, body, **more)
