"""Texts and token ids are read in every form that clients send, and mixtures are refused."""

import pytest

from retrieval_predictor.edge.protocol import openai, tei
from retrieval_predictor.errors import Malformed, TooManyTexts
from tests.support.wire import json_bytes

MAX_TEXTS = 4

FORMS = {
    "one string": ("a", ("a",)),
    "an empty string": ("", ("",)),
    "strings": (["a", "", "日本"], ("a", "", "日本")),
    "token ids": ([5, 6, 7, 8, 9], ((5, 6, 7, 8, 9),)),
    "whole floats, which are JSON Schema's integers too": ([5.0, 6], ((5, 6),)),
    "lists of token ids": ([[1, 2], [0, 2**31 - 1]], ((1, 2), (0, 2**31 - 1))),
}

REFUSED = {
    "nothing": (None, "is missing; wanted a string, a list of strings"),
    "an empty list": ([], "empty list; send at least one text"),
    "a number": (5, "got a whole number"),
    "an object": ({"text": "a"}, "got an object"),
    "a number among strings": (["a", "b", "c", 5], "got a list whose item 3 is a whole number"),
    "a string among ids": ([1, "a"], "got a list whose item 1 is a string"),
    "true among ids": ([1, True], "got a list whose item 1 is true or false"),
    "objects": ([{"text": "a"}], "got a list whose item 0 is an object"),
    "null in a list": ([None], "got a list whose item 0 is null"),
    "fractions": ([1, 1.5], "wanted token ids, item 1 is a number with a fraction"),
    "an empty list of ids": ([[1], []], "item 1 is an empty list"),
    "a string in a list of ids": ([[1, "a"]], "item 0: wanted token ids, item 1 is a string"),
    "a negative id": ([3, -1], "token id -1 is not in 0 to 2147483647"),
    "an id beyond int32": ([[2**31]], "token id 2147483648 is not in"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_of_input_is_read(form):
    sent, read = FORMS[form]
    assert openai.parse(json_bytes({"input": sent}), MAX_TEXTS).request.inputs == read
    assert tei.parse(json_bytes({"inputs": sent}), MAX_TEXTS).inputs == read


@pytest.mark.parametrize("form", REFUSED)
def test_anything_else_is_refused_with_the_field_the_item_and_its_type(form):
    sent, told = REFUSED[form]
    with pytest.raises(Malformed, match=f"field 'input'.*{told}"):
        openai.parse(json_bytes({"input": sent}), MAX_TEXTS)


def test_as_many_texts_as_the_limit_are_taken():
    assert len(openai.parse(json_bytes({"input": ["a"] * 4}), MAX_TEXTS).request.inputs) == 4


@pytest.mark.parametrize("texts", [["a"] * 5, [[1]] * 5])
def test_one_text_more_is_refused_with_both_numbers(texts):
    with pytest.raises(TooManyTexts) as caught:
        openai.parse(json_bytes({"input": texts}), MAX_TEXTS)
    assert caught.value.facts() == {"count": 5, "limit": 4}
