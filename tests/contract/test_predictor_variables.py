"""The page of the predictor's variables, and what its names are refused for."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from retrieval_operator.devices import OLDEST
from retrieval_predictor.environment import unknown, variables
from tests.reference.write import page


def test_the_page_lists_every_variable_as_the_settings_have_it():
    assert Path("docs/reference/predictor.md").read_text(encoding="utf-8") == page()


def test_every_variable_says_what_it_means():
    assert [one.name for one in variables() if not one.meaning or not one.kind] == []


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("RETRIEVAL_MODEL_URI", "did you mean RETRIEVAL_MODEL__URI?"),
        ("RETRIEVAL_WORKER", "did you mean RETRIEVAL_WORKERS?"),
        ("RETRIEVAL_BATCHING_MAX_BATCH_TOKENS", "RETRIEVAL_BATCHING__MAX_BATCH_TOKENS?"),
        ("RETRIEVAL_QQQ", "`retrieval-predictor --help` lists them"),
    ],
)
def test_a_misspelt_variable_is_refused_with_the_one_that_was_meant(written, meant):
    (problem,) = unknown({written: "1", "PATH": "/bin"})
    assert problem.startswith(f"{written}: no such setting; ")
    assert problem.endswith(meant)


@pytest.mark.parametrize(
    "name",
    [
        "RETRIEVAL_OPERATOR_WORKERS",
        "RETRIEVAL_EMBEDDER_SERVICE_HOST",
        "RETRIEVAL_API_PORT_80_TCP_ADDR",
        "RETRIEVAL_MODEL__URI",
    ],
)
def test_variables_of_others_and_those_that_exist_are_let_be(name):
    assert unknown({name: "1"}) == ()


def test_the_oldest_card_that_is_planned_for_is_one_that_torch_has_kernels_for():
    oldest = "sm_{}{}".format(*OLDEST)
    assert torch.version.cuda is None or torch.cuda.get_arch_list()[0] == oldest
