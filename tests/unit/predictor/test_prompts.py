"""A prompt is found under any usual name of its side, and never invented."""

from __future__ import annotations

import pytest

from retrieval_predictor.errors import Malformed
from retrieval_predictor.prompts import prompt_text

E5 = {"query": "query: ", "passage": "passage: "}
ST = {"query": "Instruct: find\nQuery:", "document": ""}


@pytest.mark.parametrize(
    ("name", "prompts", "default", "text"),
    [
        ("query", E5, None, "query: "),
        ("search_query", E5, None, "query: "),
        ("document", E5, None, "passage: "),
        ("passage", ST, None, ""),
        ("query", {}, None, ""),
        (None, E5, None, ""),
        (None, E5, "passage", "passage: "),
        ("classify", {"classify": "c: "}, None, "c: "),
    ],
)
def test_the_prompt_of_a_side_is_found(name, prompts, default, text):
    assert prompt_text(name, prompts, default) == text


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(Malformed, match="no prompt 'poem'; this model has: passage, query"):
        prompt_text("poem", E5, None)
