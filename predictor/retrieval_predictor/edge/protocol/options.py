"""The options that several routes share: prompt, truncation."""

from __future__ import annotations

from collections.abc import Mapping

from retrieval_predictor.edge.protocol.fields import Fields, choice, flag, label
from retrieval_predictor.wire.work import Truncation

_INPUT_TYPES: Mapping[str, str] = {
    "search_query": "query",
    "search_document": "passage",
    "document": "passage",
    "retrieval.query": "query",
    "retrieval.passage": "passage",
}
"""Cohere's, Voyage's and Jina's words for the two sides of a search; NIM says query and passage."""

_DIRECTIONS: Mapping[str, Truncation] = {"right": Truncation.RIGHT, "left": Truncation.LEFT}

_TRUNCATIONS: Mapping[str, Truncation] = {
    "none": Truncation.NEVER,
    "left": Truncation.LEFT,
    "right": Truncation.RIGHT,
    "start": Truncation.LEFT,
    "end": Truncation.RIGHT,
    "middle": Truncation.MIDDLE,
    "never": Truncation.NEVER,
}
"""Words for `truncate`: start and end are Cohere's and NIM's and name the side that is cut off."""


def prompt_name(fields: Fields) -> str | None:
    """The prompt asked for by `prompt_name` (as written) or by `input_type` (query or passage).

    Raises:
        Malformed: either is not a short string.
    """
    name = label(fields, "prompt_name")
    input_type = label(fields, "input_type")
    if name is not None or input_type is None:
        return name
    return _INPUT_TYPES.get(input_type.lower(), input_type)


def truncation(fields: Fields) -> Truncation:
    """What happens to long texts: `truncate` (true, false or a word), `truncation_direction`.

    Without either a text is cut on the right. A word that names a side wins over the direction.

    Raises:
        Malformed: an unknown word, or another type.
    """
    side = choice(fields, "truncation_direction", _DIRECTIONS) or Truncation.RIGHT
    if isinstance(fields.get("truncate"), str):
        return choice(fields, "truncate", _TRUNCATIONS) or side
    return Truncation.NEVER if flag(fields, "truncate") is False else side
