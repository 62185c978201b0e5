"""An object covers a manifest when applying it would change nothing."""

import pytest

from retrieval_operator.reconcile.covering import covers

OURS = {"uid": "1", "kind": "RetrievalService", "name": "docs", "controller": True}
THEIRS = {"uid": "2", "kind": "Application", "name": "shop"}


def owned(*owners):
    return {"metadata": {"ownerReferences": list(owners)}}


@pytest.mark.parametrize(
    ("live", "is_covered"),
    [
        (owned(OURS), True),
        (owned(OURS, THEIRS), True),
        (owned(THEIRS, OURS), True),
        (owned(THEIRS), False),
        (owned(), False),
        ({"metadata": {}}, False),
        (owned({**OURS, "controller": False}), False),
    ],
)
def test_a_second_owner_is_no_edit_of_ours(live, is_covered):
    assert covers(live, owned(OURS)) is is_covered


@pytest.mark.parametrize(
    ("live", "is_covered"),
    [
        ({"spec": {"a": 1, "theirs": 2}}, True),
        ({"spec": {"a": 2}}, False),
        ({"spec": None}, False),
        ({}, False),
    ],
)
def test_what_others_added_is_theirs(live, is_covered):
    assert covers(live, {"spec": {"a": 1}}) is is_covered


def test_any_other_list_is_ours_as_a_whole():
    assert not covers({"env": [{"name": "a"}, {"name": "b"}]}, {"env": [{"name": "a"}]})
