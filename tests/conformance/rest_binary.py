"""Triton's binary tensor data extension, point by point. The embedder has 384 numbers a vector."""

from __future__ import annotations

from typing import Any

import httpx
import orjson

from tests.conformance.point import MODEL, Check, Point, call, infer, outputs, refused, text
from tests.support.wire import packed

LENGTH = "inference-header-content-length"
WORDS = packed(["a", "b"])


def binary(raw: bytes, size: Any = None, length: int | str | None = None, **more: Any) -> Any:
    """A body with one binary input and its headers; sizes are true unless given."""
    parameters = {"binary_data_size": len(raw) if size is None else size}
    head = orjson.dumps(call(text(data=None, parameters=parameters), **more))
    told = str(len(head) if length is None else length)
    return {"body": head + raw, "headers": {LENGTH: told}}


def _binary(says: str, status: int, check: Check, raw: bytes = b"", **more: Any) -> Point:
    sent = binary(raw, **more)
    part = "Binary tensor data" if status == 200 else "Binary tensor data, refused"
    return Point(part, says, MODEL + "/infer", status, check, **sent)


def _is_binary(answer: httpx.Response) -> bool:
    """Both outputs follow the JSON in order, and every size is true."""
    length = int(answer.headers[LENGTH])
    head = orjson.loads(answer.content[:length])
    sizes = [one["parameters"]["binary_data_size"] for one in head["outputs"]]
    fits = length + sum(sizes) == len(answer.content) == int(answer.headers["content-length"])
    return sizes == [2 * 384 * 4, 2 * 4] and fits and not any("data" in o for o in head["outputs"])


def _is_mixed(answer: httpx.Response) -> bool:
    length = int(answer.headers[LENGTH])
    vectors, counts = orjson.loads(answer.content[:length])["outputs"]
    return (
        len(vectors["data"]) == 768
        and counts["parameters"] == {"binary_data_size": 8}
        and len(answer.content) == length + 8
    )


BINARY = (
    _binary("texts may come as bytes", 200, lambda a: len(outputs(a)) == 2, WORDS),
    _binary(
        "`binary_data_output` sends every output as bytes, in order",
        200,
        _is_binary,
        WORDS,
        parameters={"binary_data_output": True},
    ),
    _binary(
        "`binary_data` of an output wins over it",
        200,
        _is_mixed,
        WORDS,
        parameters={"binary_data_output": True},
        outputs=[
            {"name": "embedding", "parameters": {"binary_data": False}},
            {"name": "token_count"},
        ],
    ),
    infer(
        "JSON in and bytes out",
        200,
        _is_binary,
        call(parameters={"binary_data_output": True}),
    ),
    _binary("a size above what follows", 400, refused("10 bytes"), WORDS, size=11),
    _binary("a size below what follows", 400, refused("10 bytes", "8"), WORDS, size=8),
    _binary("a negative size", 400, refused("binary_data_size", "-1"), WORDS, size=-1),
    _binary("a size that is no number", 400, refused("binary_data_size"), WORDS, size="10"),
    _binary("a text longer than the tensor", 400, refused("99 bytes"), b"\x63\0\0\0a" + WORDS[5:]),
    _binary("fewer texts than the shape says", 400, refused("1 of 2"), packed(["a"])),
    _binary("more texts than the shape says", 400, refused("follow"), packed(["a", "b", "c"])),
    _binary("a text that is not UTF-8", 400, refused("UTF-8"), packed([b"\xff", "b"])),
    _binary("a length header above the body", 400, refused("99999"), WORDS, length=99999),
    _binary("a length header that is no number", 400, refused(LENGTH), WORDS, length="-5"),
    infer(
        "a size without the length header",
        400,
        refused("0 bytes"),
        call(text(data=None, parameters={"binary_data_size": 10})),
    ),
    infer(
        "a size beside data",
        400,
        refused("either"),
        call(text(parameters={"binary_data_size": 10})),
    ),
)
