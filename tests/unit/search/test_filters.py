"""A filter lets through exactly the passages whose metadata fulfils it."""

from __future__ import annotations

import operator

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.errors import Malformed
from retrieval_search.index.columns import Keys, filter_batches
from retrieval_search.ranking.condition import read_condition
from retrieval_search.ranking.mask import matching

PEOPLE = [
    {"lang": "de", "year": 2020, "open": True, "tags": ["a", "b"]},
    {"lang": "en", "year": 2021.5, "tags": []},
    {"lang": "fr"},
    {"year": 2019, "open": False, "tags": ["b"]},
]
ORDERS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}


def columns_of(records, per_batch=2):
    keys = Keys()
    for record in records:
        keys.see(record)
    schema = keys.schema()
    parts = [records[at : at + per_batch] for at in range(0, len(records), per_batch)]
    table = pa.Table.from_batches(list(filter_batches(schema, parts)), schema)
    return dict(zip(table.column_names, table.columns, strict=True))


def rows(body, records=PEOPLE):
    condition = read_condition(body)
    assert condition is not None
    flags = matching(condition, columns_of(records), len(records))
    return [row for row, flag in enumerate(flags) if flag]


def one(kind, key, value):
    return {"type": kind, "key": key, "value": value}


def test_each_operator_and_its_combinations():
    assert rows(one("eq", "lang", "de")) == [0]
    assert rows(one("in", "lang", ["de", "fr"])) == [0, 2]
    assert rows(one("gte", "year", 2020)) == [0, 1]
    assert rows(one("eq", "open", True)) == [0]
    both = [one("lt", "year", 2021), one("ne", "lang", "de")]
    assert rows({"type": "and", "filters": both}) == [3]
    assert rows({"type": "or", "filters": both}) == [0, 1, 2, 3]


def test_a_list_matches_by_any_of_its_values():
    assert rows(one("eq", "tags", "b")) == [0, 3]
    assert rows(one("nin", "tags", ["a"])) == [1, 2, 3]


def test_a_passage_without_the_key_fulfils_only_negations():
    assert rows(one("ne", "year", 2020)) == [1, 2, 3]
    assert 2 not in rows(one("lt", "year", 9999))


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"type": "like", "key": "lang", "value": "d"}, "wanted one of"),
        ({"type": "eq", "value": "d"}, "filter.key"),
        ({"type": "eq", "key": "lang", "value": {}}, "filter.value"),
        ({"type": "in", "key": "lang", "value": "de"}, "wanted a list"),
        ({"type": "and", "filters": []}, "filter.filters"),
        ({"type": "and", "filters": [3]}, r"filter.filters\[0\]"),
        (one("eq", "colour", "red"), "no passage has 'colour'"),
        (one("eq", "year", "2020"), "is a number"),
        (one("eq", "lang", 3), "is a string"),
        (one("eq", "open", 1), "true or false"),
        (one("in", "lang", ["x"] * 300), "the limit is 256"),
        ([], "wanted an object"),
    ],
)
def test_what_cannot_be_asked_is_refused_with_the_field(body, words):
    with pytest.raises(Malformed, match=words):
        rows(body)


values = st.integers(-3, 3)
records = st.lists(st.fixed_dictionaries({}, optional={"n": values, "m": values}), min_size=1)


@given(records, st.sampled_from(["eq", "ne", *ORDERS]), values)
def test_one_comparison_agrees_with_python(people, kind, value):
    people = [{"n": 0}, *people]
    want = [
        row
        for row, person in enumerate(people)
        if (kind == "eq" and person.get("n") == value)
        or (kind == "ne" and person.get("n") != value)
        or (kind in ORDERS and "n" in person and ORDERS[kind](person["n"], value))
    ]
    assert rows(one(kind, "n", value), people) == want
