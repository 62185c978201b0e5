"""The Open Inference Protocol over REST, point by point: what is sent, and what has to come.

Source: KServe Open Inference Protocol, specification of inference REST; Triton's binary tensor data
extension. The embedder of the tests has vectors of 384 numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import httpx
import orjson

from tests.support.wire import packed

Check = Callable[[httpx.Response], bool]
MODEL = "/v2/models/embedder"
LENGTH = "inference-header-content-length"


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


def _infer(says: str, status: int, check: Check, body: Any, **more: Any) -> Point:
    part = "Inference" if status == 200 else "Inference, refused"
    return Point(part, says, MODEL + "/infer", status, check, body, **more)


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


WORDS = packed(["a", "b"])
QUERY = text(["bread"], name="query")
DOCUMENTS = text(["a bank", "a loaf of bread"], name="documents")
RANK = "/v2/models/reranker"

HEALTH = (
    Point("Health", "a live server says so", "/v2/health/live", 200, lambda a: a.json()["live"]),
    Point("Health", "a ready server says so", "/v2/health/ready", 200, lambda a: a.json()["ready"]),
    Point(
        "Health",
        "a ready model says so under its name",
        MODEL + "/ready",
        200,
        lambda a: a.json() == {"name": "embedder", "ready": True},
    ),
    Point("Health", "another model is not here", "/v2/models/x/ready", 404, refused("'x'")),
    Point(
        "Health", "versions are not served", MODEL + "/versions/1/ready", 404, refused("version")
    ),
)

METADATA = (
    Point(
        "Metadata",
        "the server has a name, a version and extensions",
        "/v2",
        200,
        lambda a: (
            set(a.json()) == {"name", "version", "extensions"}
            and "binary_tensor_data" in a.json()["extensions"]
        ),
    ),
    Point(
        "Metadata",
        "a model has name, platform, inputs and outputs, and no `versions`",
        MODEL,
        200,
        lambda a: set(a.json()) == {"name", "platform", "inputs", "outputs"},
    ),
    Point(
        "Metadata",
        "an embedder's tensors; a size that varies is -1",
        MODEL,
        200,
        lambda a: (
            [
                (t["name"], t["datatype"], t["shape"])
                for t in a.json()["inputs"] + a.json()["outputs"]
            ]
            == [
                ("text", "BYTES", [-1]),
                ("embedding", "FP32", [-1, 384]),
                ("token_count", "INT32", [-1]),
            ]
        ),
    ),
    Point(
        "Metadata",
        "a reranker's tensors",
        RANK,
        200,
        lambda a: (
            [t["name"] for t in a.json()["inputs"] + a.json()["outputs"]]
            == ["query", "documents", "scores"]
        ),
        reranker=True,
    ),
    Point("Metadata", "another model is not here", "/v2/models/x", 404, refused("'x'")),
    Point("Metadata", "versions are not served", MODEL + "/versions/1", 404, refused("version")),
)

INFERENCE = (
    _infer(
        "all outputs come where none is asked for, with name, shape, datatype and flat data",
        200,
        lambda a: (
            {name: (o["datatype"], o["shape"], len(o["data"])) for name, o in outputs(a).items()}
            == {"embedding": ("FP32", [2, 384], 768), "token_count": ("INT32", [2], 2)}
        ),
        call(),
    ),
    _infer(
        "the answer names the model and, without versions, has no `model_version`",
        200,
        lambda a: a.json()["model_name"] == "embedder" and "model_version" not in a.json(),
        call(),
    ),
    _infer("the request's `id` comes back", 200, lambda a: a.json()["id"] == "42", call(id="42")),
    _infer("an answer has an `id` without one", 200, lambda a: bool(a.json()["id"]), call()),
    _infer(
        "only the outputs asked for come",
        200,
        lambda a: list(outputs(a)) == ["token_count"],
        call(outputs=[{"name": "token_count"}]),
    ),
    _infer(
        "they come in the order they were asked for",
        200,
        lambda a: list(outputs(a)) == ["token_count", "embedding"],
        call(outputs=[{"name": "token_count"}, {"name": "embedding"}]),
    ),
    _infer(
        "parameters of the request are heard",
        200,
        lambda a: outputs(a)["embedding"]["shape"] == [2, 8],
        call(parameters={"dimensions": 8}),
    ),
    _infer(
        "parameters that nobody knows are ignored",
        200,
        lambda a: len(outputs(a)) == 2,
        call(text(parameters={"x": "y"}), parameters={"priority": 3}),
    ),
    _infer(
        "the answer's parameters say how many texts were cut",
        200,
        lambda a: a.json()["parameters"] == {"truncated_inputs": 1},
        call(text(["word " * 900])),
    ),
    _infer("[n, 1] is a shape too", 200, lambda a: len(outputs(a)) == 2, call(text(shape=[2, 1]))),
    _infer(
        "nested data of [n, 1] is the same as flat",
        200,
        lambda a: len(outputs(a)) == 2,
        call(text([["a"], ["b"]], shape=[2, 1])),
    ),
    Point(
        "Inference",
        "a reranker scores documents in their order",
        RANK + "/infer",
        200,
        lambda a: outputs(a)["scores"]["data"][0] < outputs(a)["scores"]["data"][1],
        call(QUERY, DOCUMENTS),
        reranker=True,
    ),
    Point(
        "Inference",
        "a query repeated for each document is one query",
        RANK + "/infer",
        200,
        lambda a: outputs(a)["scores"]["shape"] == [2],
        call(text(["bread"] * 2, name="query"), DOCUMENTS),
        reranker=True,
    ),
)

REFUSED = (
    Point("Inference, refused", "another model", "/v2/models/x/infer", 404, refused("'x'"), call()),
    Point(
        "Inference, refused",
        "a version",
        MODEL + "/versions/1/infer",
        404,
        refused("version '1'"),
        call(),
    ),
    _infer("a body that is not JSON", 400, refused("JSON"), b"{"),
    _infer("a body that is no object", 400, refused("object"), []),
    _infer("no inputs", 400, refused("one input"), {}),
    _infer("two inputs for an embedder", 400, refused("got 2"), call(text(), text())),
    *(
        _infer(
            f"{datatype} in place of BYTES",
            400,
            refused("BYTES", datatype),
            call(text([1, 2], datatype=datatype)),
        )
        for datatype in (
            *("BOOL", "UINT8", "UINT16", "UINT32", "UINT64", "INT8", "INT16", "INT32", "INT64"),
            *("FP16", "FP32", "FP64", "BF16", "string"),
        )
    ),
    *(
        _infer(
            f"an input without `{name}`", 400, refused(name), call(text(("a", "b"), **{name: None}))
        )
        for name in ("name", "datatype", "shape", "data")
    ),
    _infer(
        "more data than the shape says", 400, refused("1 texts", "has 2"), call(text(shape=[1]))
    ),
    _infer("less data than the shape says", 400, refused("3 texts"), call(text(shape=[3]))),
    _infer("a shape of [n, m]", 400, refused("[2, 2]"), call(text(shape=[2, 2]))),
    _infer("an empty shape", 400, refused("[]"), call(text(shape=[]))),
    _infer("a negative size", 400, refused("shape"), call(text(shape=[-2]))),
    _infer("a size above the limit", 413, refused("the limit is 4096"), call(text(shape=[2**63]))),
    _infer("no text at all", 400, refused("[0]"), call(text([]))),
    _infer("data that is no list", 400, refused("data"), call(text(data="ab"))),
    _infer("numbers as data", 400, refused("item 1"), call(text(["a", 5]))),
    _infer(
        "an output the model has not",
        400,
        refused("'x'", "embedding"),
        call(outputs=[{"name": "x"}]),
    ),
    _infer("an output twice", 400, refused("twice"), call(outputs=[{"name": "embedding"}] * 2)),
    _infer("an `id` that is no string", 400, refused("'id'"), call(id=42)),
    _infer("parameters that are no object", 400, refused("'parameters'"), call(parameters=[])),
    Point(
        "Inference, refused",
        "queries that differ",
        RANK + "/infer",
        400,
        refused("2 different"),
        call(text(["a", "b"], name="query"), DOCUMENTS),
        reranker=True,
    ),
    Point(
        "Inference, refused",
        "a reranker without documents",
        RANK + "/infer",
        400,
        refused("'documents'"),
        call(QUERY),
        reranker=True,
    ),
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
    _infer(
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
    _infer(
        "a size without the length header",
        400,
        refused("0 bytes"),
        call(text(data=None, parameters={"binary_data_size": 10})),
    ),
    _infer(
        "a size beside data",
        400,
        refused("either"),
        call(text(parameters={"binary_data_size": 10})),
    ),
)

POINTS = (*HEALTH, *METADATA, *INFERENCE, *REFUSED, *BINARY)
