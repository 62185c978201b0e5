"""A hub is asked again about models that only it knows, at an address that can move."""

import pytest

from retrieval_operator.reconcile.models import is_moving
from retrieval_operator.spec.source import ModelSource

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("source", "moves"),
    [
        (ModelSource(uri="hf://our-team/tuned"), True),
        (ModelSource(uri="hf://our-team/tuned", revision="main"), True),
        (ModelSource(uri="hf://our-team/tuned", revision=COMMIT), False),
        (ModelSource(uri="hf://our-team/tuned", like="BAAI/bge-m3"), False),
        (ModelSource(uri="hf://BAAI/bge-m3"), False),
        (ModelSource(uri="pvc://models/tuned"), False),
    ],
)
def test_only_an_address_that_can_move_is_asked_about_again(source, moves):
    assert is_moving(source) == moves
