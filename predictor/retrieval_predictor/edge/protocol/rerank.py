"""POST /v1/rerank, /v2/rerank and /rerank: one parser for four shapes, told apart by one field.

    documents   Cohere v1 and v2, Jina   {id, model, results: [{index, relevance_score}], …}
    texts       TEI                      [{index, score}]
    passages    NIM                      {rankings: [{index, logit}], usage}

Body: `query` and one of these, `model`, `top_n` or `top_k`, `return_documents` or `return_text`,
`raw_scores`, `instruction`, `max_tokens_per_doc`, `truncate`, `truncation_direction`. A query and
a document are a string or an object with `text`. Answers are sorted by falling score, ties by
index. Sources: Cohere API reference v1 and v2 (rerank), Jina reranker API, TEI 1.9.3
router/src/http/types.rs, NVIDIA NeMo Retriever reranking API (ranking).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import orjson

from retrieval_predictor.edge.protocol.documents import (
    read_documents,
    read_query,
    refuse_rank_fields,
)
from retrieval_predictor.edge.protocol.fields import (
    Fields,
    flag,
    label,
    missing,
    optional_text,
    whole,
    wrong,
)
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_predictor.edge.protocol.options import truncation
from retrieval_predictor.edge.protocol.usage import usage
from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import RerankRequest, Scores


class Shape(StrEnum):
    """Whose answer the caller expects; the value is the field that gives it away."""

    COHERE = "documents"
    TEI = "texts"
    NIM = "passages"


@dataclass(frozen=True, slots=True)
class RerankCall:
    """A parsed body: what to compute, the model asked for, and what to answer.

    `top_n` None answers with every document. `echoes` holds the JSON of the documents when the
    caller wants them back, otherwise nothing.
    """

    request: RerankRequest
    shape: Shape = Shape.COHERE
    model: str | None = None
    top_n: int | None = None
    echoes: tuple[bytes, ...] = ()


def parse(body: bytes, max_texts: int) -> RerankCall:
    """The call that `body` asks for.

    Raises:
        Malformed: not JSON, or a field is not what the route takes.
        TooManyTexts: more documents than `max_texts`.
    """
    fields = parse_object(body, max_texts)
    shape = _shape(fields)
    refuse_rank_fields(fields)
    request = RerankRequest(
        query=read_query(fields),
        documents=read_documents(fields, shape.value, max_texts),
        instruction=optional_text(fields, "instruction"),
        max_tokens_per_document=whole(fields, "max_tokens_per_doc"),
        truncation=truncation(fields),
        raw_scores=flag(fields, "raw_scores") is True or shape is Shape.NIM,
    )
    top_n, top_k = whole(fields, "top_n"), whole(fields, "top_k")
    returns = flag(fields, "return_documents"), flag(fields, "return_text")
    return RerankCall(
        request=request,
        shape=shape,
        model=label(fields, "model"),
        top_n=top_n or top_k,
        echoes=_echoes(fields[shape.value], request, shape) if any(returns) else (),
    )


def render(call: RerankCall, answer: Scores, *, model: str, answer_id: str) -> Iterator[bytes]:
    """The JSON body of the answer in the caller's shape, in pieces.

    `model` is the name that is served; `answer_id` names this answer where the shape has an id.
    """
    ranking = ranked(answer, call.top_n)
    if call.shape is Shape.TEI:
        yield orjson.dumps(_tei(call, ranking))
    elif call.shape is Shape.NIM:
        rankings = [{"index": index, "logit": score} for index, score in ranking]
        yield orjson.dumps({"rankings": rankings, "usage": usage(answer)})
    else:
        head = {"id": answer_id, "model": model, "results": _results(call, ranking)}
        counts = usage(answer)
        yield orjson.dumps(head | {"usage": counts, "meta": _meta(counts)})


def ranked(answer: Scores, top_n: int | None = None) -> list[tuple[int, float]]:
    """(index, score), most relevant first, ties by index; all of them, or the first `top_n`.

    Shapes: answer.scores (N,) float32.
    """
    order = np.argsort(-answer.ranks_by, kind="stable")[:top_n]
    return list(zip(order.tolist(), answer.scores[order].tolist(), strict=True))


def _shape(fields: Fields) -> Shape:
    given = [shape for shape in Shape if fields.get(shape.value) is not None]
    if not given:
        raise missing("documents", "a list of strings")
    if len(given) > 1:
        names = " and ".join(f"'{shape.value}'" for shape in given)
        raise Malformed(f"fields {names} mean the same; send one of them")
    return given[0]


def _echoes(documents: list[Any], request: RerankRequest, shape: Shape) -> tuple[bytes, ...]:
    """The documents as the answer repeats them: strings for TEI, else objects with every field."""
    if shape is Shape.TEI:
        return tuple(map(orjson.dumps, request.documents))
    try:
        return tuple(
            orjson.dumps({"text": document} if isinstance(document, str) else document)
            for document in documents
        )
    except orjson.JSONEncodeError:  # orjson reads 1024 levels and writes 254
        raise wrong(shape.value, "objects that can be returned", "deeper nesting") from None


def _tei(call: RerankCall, ranking: list[tuple[int, float]]) -> list[dict[str, Any]]:
    if not call.echoes:
        return [{"index": index, "score": score} for index, score in ranking]
    return [
        {"index": index, "text": orjson.Fragment(call.echoes[index]), "score": score}
        for index, score in ranking
    ]


def _results(call: RerankCall, ranking: list[tuple[int, float]]) -> list[dict[str, Any]]:
    if not call.echoes:
        return [{"index": index, "relevance_score": score} for index, score in ranking]
    return [
        {
            "index": index,
            "relevance_score": score,
            "document": orjson.Fragment(call.echoes[index]),
        }
        for index, score in ranking
    ]


def _meta(counts: Mapping[str, int]) -> dict[str, Any]:
    """Cohere's place for token counts, and for warnings: a cut document is one."""
    tokens = {"input_tokens": counts["prompt_tokens"], "output_tokens": 0}
    cut = counts["truncated_inputs"]
    warnings = [f"{cut} of the pairs were cut to the token limit"] if cut else []
    return {"tokens": tokens, "warnings": warnings}
