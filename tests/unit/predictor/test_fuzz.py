"""Two thousand damaged inputs for each reader of bytes: taken or refused, and never slow.

`python bench/fuzz.py` sends many more.
"""

from __future__ import annotations

import pytest

from tests.support.fuzzing import TARGETS, Target, run

SLOWEST_S = 2.0
"""CPU seconds of one input of at most 100 kB; a parser that is not linear passes this by far."""


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_a_damaged_input_is_taken_or_refused_in_time(target: Target):
    outcome = run(target, 2000)
    assert outcome.taken > 0
    assert outcome.refused > 0
    assert outcome.slowest_s < SLOWEST_S, f"input {outcome.slowest}"
