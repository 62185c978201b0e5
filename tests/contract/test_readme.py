"""The plans that the README shows are those that the command prints."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from retrieval_operator.cli import main

README = Path("README.md").read_text(encoding="utf-8")
TOO_LARGE = """
apiVersion: retrieval.io/v1alpha1
kind: RetrievalService
metadata: {name: docs}
spec: {embedder: {model: {uri: "hf://Qwen/Qwen3-Embedding-8B"}, gpu: {}}}
"""


def shown(start: str) -> list[str]:
    """The lines of the block that starts with this; an ellipsis stands for lines left out."""
    (block,) = re.findall(rf"```text\n({start}.*?)```", README, re.DOTALL)
    return [line for line in block.splitlines() if line.strip() not in {"", "…"}]


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[str]:
    main(["plan", *arguments])
    return [line.rstrip() for line in capsys.readouterr().out.splitlines()]


def test_the_plan_is_the_one_that_is_printed(capsys):
    lines = printed(capsys, "-f", "manifests/samples/bge-large-l4.yaml", "--gpu", "NVIDIA-L4")
    assert [line for line in shown("default/bge-large") if line not in lines] == []


def test_the_refusal_is_the_one_that_is_printed(capsys, tmp_path: Path):
    (tmp_path / "service.yaml").write_text(TOO_LARGE)
    lines = printed(capsys, "-f", str(tmp_path / "service.yaml"), "--gpu", "Tesla-T4")
    assert shown("default/docs") == [line for line in lines if line]
