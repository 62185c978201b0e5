"""A home-made route is described by a template and the way to its numbers."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from retrieval_bench.corpus import Request
from retrieval_bench.dialects import answers
from retrieval_bench.dialects.custom import custom
from retrieval_bench.dialects.wire import Reply, Rows
from retrieval_bench.errors import BadTarget

ONE = Request("why", ("a text",))
TWO = Request("why", ("first", "second"))


def body(template: str, request: Request) -> Any:
    return orjson.loads(custom(template, "").call(request).body)


def rows(template: str, answer: str, reply: Any, request: Request) -> Rows:
    return answers.read(custom(template, answer), Reply(orjson.dumps(reply)), request, None)


def test_markers_are_replaced_wherever_they_stand_alone():
    template = '{"a": ["{texts}", {"b": "{query}"}], "keep": "not {texts} here", "n": 1}'
    assert body(template, TWO) == {
        "a": [["first", "second"], {"b": "why"}],
        "keep": "not {texts} here",
        "n": 1,
    }


def test_the_body_may_be_a_bare_string_or_list():
    assert body('"{text}"', ONE) == "a text"
    assert body('"{texts}"', TWO) == ["first", "second"]


def test_numbers_are_found_at_the_end_of_the_way():
    reply = {"data": [{"embedding": [1, 2]}, {"embedding": [3, 4]}]}
    assert rows('"{texts}"', "data.*.embedding", reply, TWO).tolist() == [[1, 2], [3, 4]]
    assert rows('"{texts}"', "out.1", {"out": [0, [[1], [2]]]}, TWO).tolist() == [[1], [2]]


def test_a_single_text_may_be_answered_by_a_bare_vector():
    assert rows('"{text}"', "", [1, 2, 3], ONE).tolist() == [[1, 2, 3]]


def test_a_template_with_a_query_wants_scores():
    template = '{"query": "{query}", "texts": "{texts}"}'
    assert rows(template, "", [0.5, 0.25], TWO).tolist() == [0.5, 0.25]


@pytest.mark.parametrize(
    ("template", "reason"),
    [(None, "needs a template"), ("{", "is not JSON"), ('{"q": "{query}"}', "no place|has no")],
)
def test_a_template_that_cannot_carry_texts_is_refused(template, reason):
    with pytest.raises(BadTarget, match=reason):
        custom(template, "")
