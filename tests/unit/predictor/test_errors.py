"""One tree of errors, drawn where a reader looks first, and whole after a process boundary."""

from __future__ import annotations

import dataclasses
import inspect
import re
from typing import Any

import pytest

from retrieval_predictor import errors
from retrieval_predictor.errors import RetrievalError, leaves, revive

LEAVES = list(leaves())


def test_the_drawing_has_every_error_and_no_other():
    drawn = set(re.findall(r"[├└]── (\w+)", errors.__doc__ or ""))
    found = {leaf.__name__ for leaf in LEAVES} | {
        parent.__name__ for leaf in LEAVES for parent in inspect.getmro(leaf)[1:-4]
    }
    assert drawn == found


def test_every_error_has_a_code_of_its_own():
    assert len({leaf.code for leaf in LEAVES}) == len(LEAVES)


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.__name__)
def test_an_error_is_rebuilt_from_its_code_and_facts(leaf: type[RetrievalError]):
    values: dict[Any, Any] = {"int": 5, "float": 1.5, "str": "fact"}
    error = leaf(**{field.name: values[field.type] for field in dataclasses.fields(leaf)})
    rebuilt = revive(error.code, error.facts())
    assert (type(rebuilt), str(rebuilt)) == (leaf, str(error))
