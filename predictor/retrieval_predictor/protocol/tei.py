"""POST /embed, the shape of Hugging Face text-embeddings-inference.

Body: `inputs` (string, strings, token ids, lists of token ids), `truncate` (true unless said
otherwise, as in TEI 1.9), `truncation_direction`, `prompt_name`, `normalize` (true unless said
otherwise), `dimensions`. Answer: one list of numbers an input, and nothing else, so truncation
has to be told in a header. Source: TEI 1.9.3, router/src/http/types.rs.
"""

from __future__ import annotations

import numpy as np
import orjson

from retrieval_predictor.protocol.fields import flag, whole
from retrieval_predictor.protocol.inputs import read_inputs
from retrieval_predictor.protocol.json_body import parse_object
from retrieval_predictor.protocol.options import prompt_name, truncation
from retrieval_predictor.work import Embeddings, EmbedRequest


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


def render(answer: Embeddings) -> bytes:
    """The JSON body of the answer.

    Shapes: answer.vectors (N, D) float32 -> N lists of D numbers.
    """
    vectors = np.ascontiguousarray(answer.vectors)
    return orjson.dumps(vectors, option=orjson.OPT_SERIALIZE_NUMPY)
