"""The release workflow asks for what the checkout has, and its parts do what it expects."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from images.release import VALUES, notes, pip_conf, version, with_images

import retrieval_bench
import retrieval_operator
import retrieval_predictor

WORKFLOWS = sorted(Path(".github/workflows").glob("*.yaml"))
RELEASE = Path(".github/workflows/release.yaml").read_text(encoding="utf-8")


def steps(workflow: Path) -> list[dict[str, Any]]:
    jobs = yaml.safe_load(workflow.read_text(encoding="utf-8"))["jobs"]
    return [step for job in jobs.values() for step in job["steps"]]


def test_everything_that_has_a_version_has_the_same():
    chart = yaml.safe_load(Path("charts/retrieval-operator/Chart.yaml").read_text())
    packages = (retrieval_bench, retrieval_operator, retrieval_predictor)
    assert {package.__version__ for package in packages} == {version()}
    assert {chart["version"], chart["appVersion"]} == {version()}
    for image in Path("images").glob("*.Dockerfile"):
        assert f'image.version="{version()}"' in image.read_text()


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.stem)
def test_every_script_and_target_that_a_workflow_runs_exists(workflow: Path):
    commands = "\n".join(step.get("run", "") for step in steps(workflow))
    makefile = Path("Makefile").read_text()
    for word in commands.replace(")", " ").split():
        if word.startswith(("images/", ".ci/", "charts/")):
            assert Path(word).exists(), word
    for line in commands.splitlines():
        if " make " in f" {line}":
            assert f"\n{line.split('make ')[1].split()[0]}:" in makefile


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda one: one.stem)
def test_no_workflow_has_more_rights_than_a_job_asks_for(workflow: Path):
    assert yaml.safe_load(workflow.read_text())["permissions"] == {"contents": "read"}


def test_nothing_is_published_without_a_tag():
    for step in steps(Path(".github/workflows/release.yaml")):
        text = yaml.safe_dump(step)
        if any(word in text for word in ("cosign sign", "helm push", "gh release", "attest-")):
            assert step["if"] == "github.ref_type == 'tag'"
        if "push:" in text:
            assert step["with"]["push"] == "${{ github.ref_type == 'tag' }}"


def test_the_chart_of_a_release_names_its_images():
    values = yaml.safe_load(with_images(VALUES.read_text(), "r.example/team", "1.2.3"))
    assert values["image"]["repository"] == "r.example/team/retrieval-operator"
    assert values["operator"]["predictorImage"] == "r.example/team/retrieval-predictor:1.2.3"


def test_notes_are_those_of_the_version_or_what_is_unreleased():
    text = "# Changelog\n\n## Unreleased\n\n- new\n\n## [1.0.0] - 2026-01-01\n\n- old\n"
    assert notes(text, "1.0.0") == "- old\n"
    assert notes(text, "2.0.0") == "- new\n"


def test_a_pip_configuration_is_empty_unless_an_index_is_named():
    assert pip_conf("") == ""
    assert "extra-index-url = https://wheels.example" in pip_conf("https://wheels.example")


def test_the_version_is_printed_for_the_workflow():
    command = [sys.executable, "images/release.py"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{version()}\n"
