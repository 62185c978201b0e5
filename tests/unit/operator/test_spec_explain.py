"""`retrieval explain`: the reference on a terminal."""

import argparse

import pytest

from retrieval_operator.cli import explain


def run(*words: str) -> int:
    parser = argparse.ArgumentParser()
    explain.add_arguments(parser)
    return explain.run(parser.parse_args(words))


def test_a_field_is_shown_with_type_bounds_rules_and_variable(capsys):
    assert run("spec.embedder.batching.maxBatchTokens") == 0
    shown = " ".join(capsys.readouterr().out.split())
    for part in (
        "integer",
        "8 to 4194304",
        "RETRIEVAL_BATCHING__MAX_BATCH_TOKENS",
        "must not be below maxInputTokens",
        "Omitted: planned",
    ):
        assert part in shown


def test_a_block_is_shown_with_its_fields(capsys):
    assert run("spec.embedder.rollout") == 0
    assert "strategy" in capsys.readouterr().out


def test_without_a_path_the_whole_spec_is_shown(capsys):
    assert run() == 0
    assert "embedder" in capsys.readouterr().out


def test_a_value_this_version_cannot_act_on_is_marked(capsys):
    run("spec.placement")
    assert "Shared: use Separate" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("path", "hint"),
    [("spec.embedder.maxBatchTokens", "batching.maxBatchTokens"), ("foo", "`retrieval explain`")],
)
def test_an_unknown_path_ends_with_2_and_a_hint(capsys, path, hint):
    assert run(path) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert hint in captured.err
