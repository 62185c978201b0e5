"""The Open Inference Protocol over REST, point by point: what is sent, and what has to come.

Source: KServe Open Inference Protocol, specification of inference REST.
"""

from __future__ import annotations

from tests.conformance.point import MODEL, Point, call, infer, outputs, refused, text
from tests.conformance.rest_binary import BINARY

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
    infer(
        "all outputs come where none is asked for, with name, shape, datatype and flat data",
        200,
        lambda a: (
            {name: (o["datatype"], o["shape"], len(o["data"])) for name, o in outputs(a).items()}
            == {"embedding": ("FP32", [2, 384], 768), "token_count": ("INT32", [2], 2)}
        ),
        call(),
    ),
    infer(
        "the answer names the model and, without versions, has no `model_version`",
        200,
        lambda a: a.json()["model_name"] == "embedder" and "model_version" not in a.json(),
        call(),
    ),
    infer("the request's `id` comes back", 200, lambda a: a.json()["id"] == "42", call(id="42")),
    infer("an answer has an `id` without one", 200, lambda a: bool(a.json()["id"]), call()),
    infer(
        "only the outputs asked for come",
        200,
        lambda a: list(outputs(a)) == ["token_count"],
        call(outputs=[{"name": "token_count"}]),
    ),
    infer(
        "they come in the order they were asked for",
        200,
        lambda a: list(outputs(a)) == ["token_count", "embedding"],
        call(outputs=[{"name": "token_count"}, {"name": "embedding"}]),
    ),
    infer(
        "parameters of the request are heard",
        200,
        lambda a: outputs(a)["embedding"]["shape"] == [2, 8],
        call(parameters={"dimensions": 8}),
    ),
    infer(
        "parameters that nobody knows are ignored",
        200,
        lambda a: len(outputs(a)) == 2,
        call(text(parameters={"x": "y"}), parameters={"priority": 3}),
    ),
    infer(
        "the answer's parameters say how many texts were cut",
        200,
        lambda a: a.json()["parameters"] == {"truncated_inputs": 1},
        call(text(["word " * 900])),
    ),
    infer("[n, 1] is a shape too", 200, lambda a: len(outputs(a)) == 2, call(text(shape=[2, 1]))),
    infer(
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
    infer("a body that is not JSON", 400, refused("JSON"), b"{"),
    infer("a body that is no object", 400, refused("object"), []),
    infer("no inputs", 400, refused("one input"), {}),
    infer("two inputs for an embedder", 400, refused("got 2"), call(text(), text())),
    *(
        infer(
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
        infer(
            f"an input without `{name}`", 400, refused(name), call(text(("a", "b"), **{name: None}))
        )
        for name in ("name", "datatype", "shape", "data")
    ),
    infer("more data than the shape says", 400, refused("1 texts", "has 2"), call(text(shape=[1]))),
    infer("less data than the shape says", 400, refused("3 texts"), call(text(shape=[3]))),
    infer("a shape of [n, m]", 400, refused("[2, 2]"), call(text(shape=[2, 2]))),
    infer("an empty shape", 400, refused("[]"), call(text(shape=[]))),
    infer("a negative size", 400, refused("shape"), call(text(shape=[-2]))),
    infer("a size above the limit", 413, refused("the limit is 4096"), call(text(shape=[2**63]))),
    infer("no text at all", 400, refused("[0]"), call(text([]))),
    infer("data that is no list", 400, refused("data"), call(text(data="ab"))),
    infer("numbers as data", 400, refused("item 1"), call(text(["a", 5]))),
    infer(
        "an output the model has not",
        400,
        refused("'x'", "embedding"),
        call(outputs=[{"name": "x"}]),
    ),
    infer("an output twice", 400, refused("twice"), call(outputs=[{"name": "embedding"}] * 2)),
    infer("an `id` that is no string", 400, refused("'id'"), call(id=42)),
    infer("parameters that are no object", 400, refused("'parameters'"), call(parameters=[])),
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

POINTS = (*HEALTH, *METADATA, *INFERENCE, *REFUSED, *BINARY)
