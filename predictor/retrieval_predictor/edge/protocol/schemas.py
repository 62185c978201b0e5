"""What the routes take and give, as JSON Schemas (draft 2020-12, the dialect of OpenAPI 3.1).

A body that fits its schema is computed, apart from what a schema cannot say: that data has as many
items as its shape, and that a text which must not be cut fits the model. `null` means absent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retrieval_predictor.edge.protocol.faults import Dialect
from retrieval_predictor.edge.protocol.fields import MAX_INT
from retrieval_predictor.wire.work import Outputs

Schema = dict[str, Any]

STRING: Schema = {"type": "string"}
NUMBER: Schema = {"type": "number"}
BOOLEAN: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
_NULL: Schema = {"type": "null"}
_LABEL: Schema = {"type": "string", "maxLength": 512}

_SIDES = (
    *("query", "search_query", "queries", "question", "retrieval.query"),
    *("passage", "document", "search_document", "documents", "corpus", "retrieval.passage"),
)
_TRUNCATIONS = ("none", "left", "right", "start", "end", "middle", "never")


@dataclass(frozen=True, slots=True)
class Bounds:
    """What this predictor's model bounds a request to; a number is 0 until the model is loaded.

    `prompts` are the names of the model's own prompts, `outputs` what it can make of a text, and
    `accepts_token_ids` says whether ids may stand for one.
    """

    max_texts: int
    dimensions: int = 0
    vocabulary_size: int = 0
    prompts: tuple[str, ...] = ()
    takes_instruction: bool = True
    outputs: Outputs = Outputs.DENSE | Outputs.SPARSE | Outputs.COLBERT
    accepts_token_ids: bool = False


def record(properties: Schema, required: tuple[str, ...] | None = None) -> Schema:
    """An object with these properties, all of them required unless said otherwise."""
    names = list(properties if required is None else required)
    return {"type": "object", "properties": properties, "required": names}


def many(items: Schema, most: int | None = None) -> Schema:
    """A list of at least one of these, at most `most`."""
    return {"type": "array", "items": items, "minItems": 1} | ({"maxItems": most} if most else {})


def openai_request(bounds: Bounds) -> Schema:
    """The body of /v1/embeddings."""
    own = {
        "input": _inputs(bounds),
        "model": _optional(_LABEL),
        "encoding_format": _optional({"enum": ["float", "base64"]}),
    }
    return record(own | _embed_options(bounds), required=("input",))


def tei_request(bounds: Bounds) -> Schema:
    """The body of /embed."""
    return record({"inputs": _inputs(bounds)} | _embed_options(bounds), required=("inputs",))


def token_request(bounds: Bounds) -> Schema:
    """The body of /embed_sparse and /embed_all."""
    options = {"inputs": _inputs(bounds), **_sides(bounds), **_truncation()}
    return record(options, required=("inputs",))


def rerank_request(bounds: Bounds) -> Schema:
    """The body of the rerank routes: `documents`, `texts` or `passages`, and one of them."""
    text = {"anyOf": [STRING, record({"text": STRING})]}
    fields = ("documents", "texts", "passages")
    shapes = [
        record(
            dict.fromkeys(fields, _NULL) | {name: many(text, bounds.max_texts)},
            required=("query", name),
        )
        for name in fields
    ]
    whole = _optional({"type": "integer", "minimum": 1, "maximum": MAX_INT})
    options = {
        "query": text,
        "model": _optional(_LABEL),
        **dict.fromkeys(("top_n", "top_k", "max_tokens_per_doc"), whole),
        **{name: _optional(BOOLEAN) for name in ("return_documents", "return_text", "raw_scores")},
        "instruction": _optional(STRING) if bounds.takes_instruction else _NULL,
        "rank_fields": {"enum": [None, [], ["text"]]},
        **_truncation(),
    }
    return {"type": "object", "properties": options, "oneOf": shapes}


def infer_request(bounds: Bounds, names: tuple[str, ...], outputs: tuple[str, ...]) -> Schema:
    """The JSON body of an inference: inputs of these names, and a choice of these outputs."""
    size = {"type": "integer", "minimum": 1, "maximum": bounds.max_texts}
    tensor = record(
        {
            "name": _LABEL if len(names) == 1 else {"enum": list(names)},
            "datatype": {"const": "BYTES"},
            "shape": {"type": "array", "items": size, "minItems": 1, "maxItems": 2},
            "data": many({"anyOf": [STRING, many(STRING, 1)]}, bounds.max_texts),
        }
    )
    count = len(names)
    wanted = record({"name": {"enum": list(outputs)}})
    return record(
        {
            "id": _optional(_LABEL),
            "inputs": {"type": "array", "items": tensor, "minItems": count, "maxItems": count},
            "outputs": _optional({"type": "array", "items": wanted}),
            "parameters": _optional({"type": "object"}),
        },
        required=("inputs",),
    )


def openai_answer() -> Schema:
    """The answer of /v1/embeddings."""
    vector = {"anyOf": [many(NUMBER), STRING]}
    item = record({"object": {"const": "embedding"}, "index": COUNT, "embedding": vector})
    return record(
        {"object": {"const": "list"}, "data": many(item), "model": STRING, "usage": _usage()}
    )


def tei_answer() -> Schema:
    """The answer of /embed: one list of numbers an input."""
    return many(many(NUMBER))


def sparse_answer() -> Schema:
    """The answer of /embed_sparse: a list of ids and weights an input, which may be empty."""
    return many({"type": "array", "items": record({"index": COUNT, "value": NUMBER})})


def all_answer() -> Schema:
    """The answer of /embed_all: a list of vectors an input, empty for a single token."""
    return many({"type": "array", "items": many(NUMBER)})


def rerank_answer() -> Schema:
    """The answer of the rerank routes, in the shape of the body."""
    cohere = record({"index": COUNT, "relevance_score": NUMBER})
    tei = many(record({"index": COUNT, "score": NUMBER}))
    nim = record({"rankings": many(record({"index": COUNT, "logit": NUMBER})), "usage": _usage()})
    body = record(
        {
            "id": STRING,
            "model": STRING,
            "results": many(cohere),
            "usage": _usage(),
            "meta": {"type": "object"},
        }
    )
    return {"anyOf": [body, tei, nim]}


def infer_answer() -> Schema:
    """The JSON answer of an inference."""
    tensor = record(
        {
            "name": STRING,
            "datatype": {"enum": ["FP32", "INT32"]},
            "shape": many(COUNT, 3),
            "data": {"type": "array", "items": NUMBER},
        }
    )
    return record(
        {
            "model_name": STRING,
            "id": STRING,
            "parameters": record({"truncated_inputs": COUNT}),
            "outputs": many(tensor),
        }
    )


def metadata_tensor() -> Schema:
    """One input or output in model metadata; -1 is a size that varies."""
    size = {"type": "integer", "minimum": -1}
    return record({"name": STRING, "datatype": STRING, "shape": many(size)})


def error(dialect: Dialect) -> Schema:
    """The error body of a route that speaks `dialect`."""
    openai = record(
        {"message": STRING, "type": STRING, "param": {"type": ["string", "null"]}, "code": STRING}
    )
    return {
        Dialect.OIP: record({"error": STRING}),
        Dialect.OPENAI: record({"error": openai}),
        Dialect.COHERE: record({"message": STRING}),
        Dialect.TEI: record({"error": STRING, "error_type": STRING}),
    }[dialect]


def _optional(schema: Schema) -> Schema:
    return {"anyOf": [schema, _NULL]}


def _inputs(bounds: Bounds) -> Schema:
    texts = [STRING, many(STRING, bounds.max_texts)]
    if not bounds.accepts_token_ids:
        return {"anyOf": texts}
    largest = bounds.vocabulary_size - 1 if bounds.vocabulary_size else MAX_INT
    ids = many({"type": "integer", "minimum": 0, "maximum": largest})
    return {"anyOf": [*texts, ids, many(ids, bounds.max_texts)]}


def _embed_options(bounds: Bounds) -> Schema:
    size = {"type": "integer", "minimum": 1, "maximum": bounds.dimensions or MAX_INT}
    return {
        "dimensions": _optional(size),
        **_sides(bounds),
        "normalize": _optional(BOOLEAN),
        **_truncation(),
    }


def _truncation() -> Schema:
    words = {"type": "string", "enum": list(_TRUNCATIONS)}
    direction = {"type": "string", "enum": ["left", "right", "Left", "Right"]}
    return {
        "truncate": {"anyOf": [BOOLEAN, words, _NULL]},
        "truncation_direction": _optional(direction),
    }


def _sides(bounds: Bounds) -> Schema:
    sides = [*_SIDES, *(name for name in bounds.prompts if name not in _SIDES)]
    return {
        "input_type": _optional({"type": "string", "enum": sides}),
        "prompt_name": _optional({"type": "string", "enum": [s for s in sides if "." not in s]}),
    }


def _usage() -> Schema:
    return record(dict.fromkeys(("prompt_tokens", "total_tokens", "truncated_inputs"), COUNT))
