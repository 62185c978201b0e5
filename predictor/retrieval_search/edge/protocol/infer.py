"""KServe's `POST /v2/models/{name}/infer`: queries in, ids, texts and scores back.

Each query has a row of `top_k` results; a row that found fewer is filled up with "" and 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import numpy as np
import orjson

from retrieval_predictor.edge.protocol import tensors
from retrieval_predictor.edge.protocol.oip import InferCall
from retrieval_predictor.errors import Malformed
from retrieval_search.edge.protocol import native
from retrieval_search.edge.query import Query, Results
from retrieval_search.settings import Defaults

MAX_QUERIES = 64
_NAME = "query"


def queries_of(call: InferCall, defaults: Defaults) -> list[Query]:
    """The queries of a call; its parameters are the fields of `/v1/search`, objects as JSON text.

    Raises:
        Malformed: Another input, or a parameter that is none.
        TooManyTexts: Too many queries.
    """
    if len(call.inputs) != 1:
        raise Malformed(f"wanted one input '{_NAME}' of BYTES, got {len(call.inputs)}")
    known = ("top_k", "candidates", "filter", "fusion", "rerank", "effort", "min_score")
    given = {name: _read(call.parameters[name]) for name in known if name in call.parameters}
    texts = tensors.texts(call.inputs[0], MAX_QUERIES)
    return [native.parse(orjson.dumps({**given, "query": text}), defaults) for text in texts]


def _read(value: object) -> object:
    if not isinstance(value, str):
        return value
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        return value


def render(call: InferCall, answers: Sequence[Results], *, name: str, answer_id: str) -> bytes:
    """The body of an answer, in JSON."""
    width = max((len(one.hits) for one in answers), default=0)
    ids = [_filled([hit.passage.id for hit in one.hits], width) for one in answers]
    texts = [_filled([hit.passage.text for hit in one.hits], width) for one in answers]
    scores = np.zeros((len(answers), width), np.float32)
    for row, one in enumerate(answers):
        scores[row, : len(one.hits)] = [hit.score for hit in one.hits]
    shape = [len(answers), width]
    outputs = [
        {"name": "ids", "datatype": "BYTES", "shape": shape, "data": list(chain(*ids))},
        {"name": "texts", "datatype": "BYTES", "shape": shape, "data": list(chain(*texts))},
        {"name": "scores", "datatype": "FP32", "shape": shape, "data": scores.ravel().tolist()},
    ]
    parameters = {
        "version": answers[0].version,
        "space": answers[0].space,
        "reranked": all(one.reranked for one in answers),
    }
    answer_id = call.request_id or answer_id
    return orjson.dumps(
        {"model_name": name, "id": answer_id, "outputs": outputs, "parameters": parameters}
    )


def _filled(values: list[str], width: int) -> list[str]:
    return [*values, *[""] * (width - len(values))]
