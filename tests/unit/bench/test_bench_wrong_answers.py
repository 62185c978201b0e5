"""A status of 200 is no answer: rows are counted, measured and looked at."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.corpus import Request
from retrieval_bench.dialects import NAMES, answers, speak
from retrieval_bench.dialects.inference import InferJson
from retrieval_bench.dialects.openai import OpenAI
from retrieval_bench.dialects.tei import TeiEmbed, TeiRerank
from retrieval_bench.dialects.wire import Dialect, Reply
from retrieval_bench.errors import WrongAnswer
from retrieval_bench.targets import Target

TWO = Request("query", ("one", "two"))
FLOATS = {"datatype": "FP32", "name": "embedding"}


def openai(*rows: Any) -> dict[str, Any]:
    return {"data": [{"index": index, "embedding": row} for index, row in enumerate(rows)]}


WRONG: dict[str, tuple[Dialect, Any]] = {
    "a row is missing": (OpenAI("m", "float"), openai([1.0])),
    "a row too many": (OpenAI("m", "float"), openai([1.0], [2.0], [3.0])),
    "no rows": (TeiEmbed(), []),
    "empty rows": (TeiEmbed(), [[], []]),
    "rows differ in length": (TeiEmbed(), [[1.0, 2.0], [1.0]]),
    "null in a row": (TeiEmbed(), [[1.0, None], [1.0, 2.0]]),
    "strings in a row": (TeiEmbed(), [["1.0", "2.0"], ["1.0", "2.0"]]),
    "flags in a row": (TeiEmbed(), [[True, False], [True, False]]),
    "numbers in place of vectors": (TeiEmbed(), [1.0, 2.0]),
    "vectors in place of scores": (TeiRerank(), [{"index": 0, "score": [1.0]}] * 2),
    "an index twice": (TeiRerank(), [{"index": 0, "score": 1.0}] * 2),
    "an index from 1": (TeiRerank(), [{"index": i, "score": 1.0} for i in (1, 2)]),
    "a score is missing": (TeiRerank(), [{"index": 0, "score": 1.0}, {"index": 1}]),
    "an error with status 200": (OpenAI("m", "float"), {"error": "model not loaded"}),
    "the shape lies": (
        InferJson("m", scores=False),
        {"outputs": [{**FLOATS, "shape": [2, 3], "data": [1.0, 2.0]}]},
    ),
    "no floating-point output": (
        InferJson("m", scores=False),
        {"outputs": [{"datatype": "INT32", "shape": [2], "data": [1, 2]}]},
    ),
    "base64 of half a float": (OpenAI("m", "base64"), openai("AAAA", "AAAA")),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_answer_is_noticed_when(case):
    dialect, body = WRONG[case]
    with pytest.raises(WrongAnswer):
        answers.read(dialect, Reply(orjson.dumps(body)), TWO, None)


@pytest.mark.parametrize("number", ["NaN", "Infinity", "1e999"])
def test_numbers_that_are_none_are_noticed(number):
    with pytest.raises(WrongAnswer):
        answers.read(TeiEmbed(), Reply(b"[[1.0],[%s]]" % number.encode()), TWO, None)


def test_nan_in_binary_is_noticed():
    body = orjson.dumps(openai("AADAfw==", "AAAAAA=="))
    with pytest.raises(WrongAnswer, match="NaN"):
        answers.read(OpenAI("m", "base64"), Reply(body), TWO, None)


def test_vectors_keep_the_length_of_the_first_answer():
    reply = Reply(orjson.dumps([[1.0, 2.0], [3.0, 4.0]]))
    assert answers.read(TeiEmbed(), reply, TWO, 2).shape == (2, 2)
    with pytest.raises(WrongAnswer, match="rows of 2 numbers, the first answer had 3"):
        answers.read(TeiEmbed(), reply, TWO, 3)


@pytest.mark.parametrize("name", NAMES)
@given(body=st.binary(max_size=80) | st.text(max_size=40).map(orjson.dumps))
def test_no_bytes_make_a_dialect_raise_anything_else(name, body):
    url = "grpc://h:1" if "grpc" in name else "http://h:1"
    dialect = speak(Target("server", url, name, template='"{texts}"', answer="a.*.0"))
    headers = {"inference-header-content-length": "7"}
    with pytest.raises(WrongAnswer):
        answers.read(dialect, Reply(body, headers), TWO, None)
