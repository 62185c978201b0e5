"""A body that is not a JSON object is refused early and with its position."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.edge.protocol.json_body import parse_object
from retrieval_predictor.errors import Malformed

MAX_TEXTS = 16

REFUSED = {
    "an empty body": (b"", "not valid JSON"),
    "a broken one": (b'{"input": "a",', "column 15"),
    "one with something behind it": (b'{"input": "a"} x', "column 16"),
    "a list at the top": (b'["a"]', "not an object"),
    "a string at the top": (b'"a"', "not an object"),
    "NaN": (b'{"x": NaN}', "NaN or Infinity at line 1 column 7"),
    "Infinity": (b'{\n"x": Infinity}', "NaN or Infinity at line 2 column 6"),
    "minus infinity": (b'{"x": -Infinity}', "NaN or Infinity"),
    "a number beyond a double": (b'{"x": 1e999}', "infinity"),
    "a lone surrogate": (b'{"input": "\\ud800"}', "surrogate"),
    "bytes that are not UTF-8": (b'{"input": "\xff"}', "UTF-8"),
    "a byte order mark": (b"\xef\xbb\xbf{}", "BOM"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_body_that_is_no_json_object_is_refused_with_its_position(name):
    body, told = REFUSED[name]
    with pytest.raises(Malformed, match=told):
        parse_object(body, MAX_TEXTS)


def test_nesting_beyond_1024_levels_is_refused():
    deep = b'{"input":' + b"[" * 1100 + b"]" * 1100 + b"}"
    with pytest.raises(Malformed, match="depth limit"):
        parse_object(deep, max_texts=10_000)


def test_more_containers_than_the_texts_could_need_are_refused_before_they_are_built():
    with pytest.raises(Malformed, match=r"5002 lists and objects, the limit is 256"):
        parse_object(b'{"input":[' + b"[]," * 4999 + b"[]]}", MAX_TEXTS)


def test_brackets_inside_texts_are_not_containers():
    text = '[{"\\' * 5000
    assert parse_object(json.dumps({"input": text}).encode(), MAX_TEXTS) == {"input": text}


def test_no_message_repeats_a_text_of_the_caller():
    with pytest.raises(Malformed) as caught:
        parse_object(b'{"input": "my secret", }', MAX_TEXTS)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is None


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text('[]{}"\\,:aé', max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text('[{"\\'), inner, max_size=4)
    ),
    max_leaves=20,
)


def containers(value: Any) -> int:
    if isinstance(value, list):
        return 1 + sum(map(containers, value))
    return 1 + sum(map(containers, value.values())) if isinstance(value, dict) else 0


@given(st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_the_count_of_containers_is_exact_whatever_the_strings_hold(value):
    limit = 8 * (1 + 16)
    room = limit - containers(value) - 2
    fits = {"value": value, "padding": [[]] * room}
    assert parse_object(json.dumps(fits).encode(), max_texts=1) == fits
    with pytest.raises(Malformed, match=f"{limit + 1} lists and objects"):
        parse_object(json.dumps({"value": value, "padding": [[]] * (room + 1)}).encode(), 1)
