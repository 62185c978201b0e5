"""POST /embed, /embed_sparse, /embed_all: the shapes of Hugging Face text-embeddings-inference.

Body: `inputs` (string, strings, token ids, lists of token ids), `truncate` (true unless said
otherwise, as in TEI 1.9), `truncation_direction`, `prompt_name`, `normalize` (true unless said
otherwise), `dimensions`. Answer: one list of numbers an input, and nothing else, so truncation
has to be told in a header. /embed_sparse and /embed_all take no `normalize` and no `dimensions`;
they answer with a list of token ids and weights an input, and with a list of vectors an input.
Source: TEI 1.9.3, router/src/http/types.rs.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import orjson

from retrieval_predictor.edge.protocol.fields import flag, whole
from retrieval_predictor.edge.protocol.inputs import read_inputs
from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_predictor.edge.protocol.options import prompt_name, truncation
from retrieval_predictor.edge.protocol.pieces import chained, numbers
from retrieval_predictor.wire.ragged import split
from retrieval_predictor.wire.work import Embeddings, EmbedRequest, Floats, Ints, Outputs


def parse(body: bytes, max_texts: int) -> EmbedRequest:
    """The request that `body` holds; TEI has no model field and one way to write vectors.

    Raises:
        Malformed: not JSON, or a field is not what the route takes.
        TooManyTexts: more inputs than `max_texts`.
    """
    fields = parse_object(body, max_texts)
    return EmbedRequest(
        inputs=read_inputs(fields, "inputs", max_texts),
        prompt_name=prompt_name(fields),
        dimensions=whole(fields, "dimensions"),
        truncation=truncation(fields),
        normalise=flag(fields, "normalize") is not False,
    )


def parse_for(outputs: Outputs, body: bytes, max_texts: int) -> EmbedRequest:
    """The same for a route that answers with something else than one vector an input.

    Raises:
        Malformed: not JSON, or a field is not what the route takes.
        TooManyTexts: more inputs than `max_texts`.
    """
    fields = parse_object(body, max_texts)
    return EmbedRequest(
        inputs=read_inputs(fields, "inputs", max_texts),
        prompt_name=prompt_name(fields),
        truncation=truncation(fields),
        outputs=outputs,
    )


def render(answer: Embeddings) -> Iterator[bytes]:
    """The JSON body of the answer, in pieces.

    Shapes: answer.vectors (N, D) float32 -> N lists of D numbers.
    """
    return numbers(np.ascontiguousarray(answer.vectors))


def render_sparse(answer: Embeddings) -> Iterator[bytes]:
    """The JSON body of /embed_sparse: `index` is a token's id, `value` its weight."""
    sparse = answer.sparse
    if sparse is None:
        raise AssertionError("/embed_sparse got no weights; this is a bug")
    sizes = sparse.lengths.tolist()
    return chained(map(_weights, split(sparse.indices, sizes), split(sparse.values, sizes)))


def _weights(indices: Ints, values: Floats) -> Iterator[bytes]:
    pairs = zip(list(indices), list(values), strict=True)
    items = [{"index": index, "value": value} for index, value in pairs]
    yield orjson.dumps(items, option=orjson.OPT_SERIALIZE_NUMPY)


def render_all(answer: Embeddings) -> Iterator[bytes]:
    """The JSON body of /embed_all: a list of token vectors an input."""
    colbert = answer.colbert
    if colbert is None:
        raise AssertionError("/embed_all got no token vectors; this is a bug")
    return chained(map(numbers, split(colbert.vectors, colbert.lengths.tolist())))
