"""docs/planner.md says what the planner does."""

import re

from retrieval_operator.plan import Reason, document
from retrieval_operator.plan.aim import CPU_AIMS, GPU_AIMS
from tests.golden.planner_table import PAGE, updated
from tests.support.planning import ask, on, planned

TEXT = PAGE.read_text()


def test_the_table_of_plans_is_what_is_planned():
    assert updated(TEXT) == TEXT


def test_every_memory_term_is_explained():
    plan = planned(ask(), on("NVIDIA-L4"))
    assert plan.gpu_memory is not None
    for term in (*plan.gpu_memory.terms, *plan.memory.terms):
        assert f"| {term.name} |" in TEXT


def test_every_decision_is_explained():
    for row in document(planned(ask(), on("NVIDIA-L4")))["plan"]["decisions"]:
        assert f"`{row['field']}`" in TEXT


def test_every_reason_of_a_refusal_is_explained():
    for reason in Reason:
        assert f"`{reason.value}`" in TEXT


def test_the_profiles_are_those_in_force():
    for aims in (GPU_AIMS, CPU_AIMS):
        for profile, aim in aims.items():
            row = rf"\| {profile.value} \|.*{aim.peak_share:.0%}.*{aim.batch_s * 1e3:.0f} ms"
            assert re.search(row.replace("%", " ?%"), TEXT), profile
