"""Prompt, truncation and the other options are read alike on every route."""

from collections.abc import Iterator
from typing import Any

import pytest

from retrieval_predictor.edge.protocol import oip, openai, tei
from retrieval_predictor.edge.protocol.tensors import Tensor
from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import EmbedRequest, Truncation
from tests.support.wire import json_bytes

MAX_TEXTS = 4


def requests(options: dict[str, Any]) -> Iterator[EmbedRequest]:
    """The same options through every route that embeds."""
    tensor = Tensor("text", "BYTES", (1,), ["a"])
    yield openai.parse(json_bytes({"input": "a", **options}), MAX_TEXTS).request
    yield tei.parse(json_bytes({"inputs": "a", **options}), MAX_TEXTS)
    yield oip.to_embed_request(oip.InferCall((tensor,), parameters=options), MAX_TEXTS)


TRUNCATIONS = [
    ({}, Truncation.RIGHT),
    ({"truncate": None}, Truncation.RIGHT),
    ({"truncate": True}, Truncation.RIGHT),
    ({"truncate": False}, Truncation.NEVER),
    ({"truncate": "none"}, Truncation.NEVER),
    ({"truncate": "NONE"}, Truncation.NEVER),
    ({"truncate": "never"}, Truncation.NEVER),
    ({"truncate": "END"}, Truncation.RIGHT),
    ({"truncate": "right"}, Truncation.RIGHT),
    ({"truncate": "START"}, Truncation.LEFT),
    ({"truncate": "left"}, Truncation.LEFT),
    ({"truncate": "middle"}, Truncation.MIDDLE),
    ({"truncation_direction": "Left"}, Truncation.LEFT),
    ({"truncation_direction": "right"}, Truncation.RIGHT),
    ({"truncate": True, "truncation_direction": "Left"}, Truncation.LEFT),
    ({"truncate": False, "truncation_direction": "Left"}, Truncation.NEVER),
    ({"truncate": "end", "truncation_direction": "Left"}, Truncation.RIGHT),
]

PROMPTS = [
    ({}, None),
    ({"prompt_name": "clustering"}, "clustering"),
    ({"input_type": "query"}, "query"),
    ({"input_type": "passage"}, "passage"),
    ({"input_type": "document"}, "passage"),
    ({"input_type": "search_query"}, "query"),
    ({"input_type": "SEARCH_DOCUMENT"}, "passage"),
    ({"input_type": "classification"}, "classification"),
    ({"input_type": "query", "prompt_name": "web"}, "web"),
]

REFUSED = [
    ({"truncate": "sideways"}, "field 'truncate': wanted .*, got \"sideways\""),
    ({"truncate": 1}, "field 'truncate': wanted true or false, got a whole number"),
    ({"truncation_direction": "up"}, "field 'truncation_direction'"),
    ({"truncation_direction": True}, "got true or false"),
    ({"prompt_name": 5}, "field 'prompt_name': wanted a string, got a whole number"),
    ({"input_type": "x" * 513}, "field 'input_type': wanted at most 512 characters, got 513"),
    ({"dimensions": "256"}, "field 'dimensions': wanted a whole number, got a string"),
    ({"dimensions": 256.5}, "got a number with a fraction"),
    ({"dimensions": True}, "got true or false"),
    ({"dimensions": 0}, "a whole number from 1 to 2147483647, got 0"),
    ({"dimensions": 2**31}, "got 2147483648"),
    ({"normalize": "yes"}, "field 'normalize': wanted true or false, got a string"),
]


@pytest.mark.parametrize(("options", "expected"), TRUNCATIONS)
def test_truncation_is_a_flag_or_a_word_and_cuts_on_the_right_by_default(options, expected):
    assert [request.truncation for request in requests(options)] == [expected] * 3


@pytest.mark.parametrize(("options", "expected"), PROMPTS)
def test_a_prompt_is_named_or_follows_from_the_input_type(options, expected):
    assert [request.prompt_name for request in requests(options)] == [expected] * 3


def test_dimensions_reach_the_request():
    assert [request.dimensions for request in requests({"dimensions": 256})] == [256] * 3
    assert [request.dimensions for request in requests({})] == [None] * 3


@pytest.mark.parametrize("sent", [True, False])
def test_normalising_can_be_asked_for_on_every_route(sent):
    assert [request.normalise for request in requests({"normalize": sent})] == [sent] * 3


def test_only_tei_normalises_when_nothing_is_said():
    assert [request.normalise for request in requests({})] == [None, True, None]


@pytest.mark.parametrize(("options", "told"), REFUSED)
def test_a_known_option_of_the_wrong_type_is_refused_on_every_route(options, told):
    with pytest.raises(Malformed, match=told):
        openai.parse(json_bytes({"input": "a", **options}), MAX_TEXTS)
    with pytest.raises(Malformed, match=told):
        tei.parse(json_bytes({"inputs": "a", **options}), MAX_TEXTS)
    tensor = Tensor("text", "BYTES", (1,), ["a"])
    with pytest.raises(Malformed, match=told):
        oip.to_embed_request(oip.InferCall((tensor,), parameters=options), MAX_TEXTS)


def test_options_that_no_route_knows_are_ignored():
    unknown = {"user": "u", "priority": 1, "timeout": 5, "extra": {"deep": [1]}}
    assert all(request.inputs == ("a",) for request in requests(unknown))
