"""Files keep the promises that the documents make about them."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from retrieval_predictor.telemetry import metrics as predictor_metrics

ROOT = Path(__file__).parents[2]
TEXTS = ("README.md", "CONTRIBUTING.md", "DECISIONS.md", "CHANGELOG.md")
PAGES = [*(ROOT / name for name in TEXTS), *ROOT.glob("docs/**/*.md")]


def test_the_operator_folder_never_shadows_the_standard_library():
    assert not (ROOT / "operator" / "__init__.py").exists()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_to_files_that_exist(page: Path):
    for target in re.findall(r"\]\((?!http)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target


def test_every_make_target_that_a_page_names_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z0-9-]+):", makefile, re.MULTILINE))
    named = {
        target
        for page in PAGES
        for target in re.findall(r"(?:`|\$ )make ([a-z0-9-]+)", page.read_text(encoding="utf-8"))
    }
    assert named <= targets
    assert {"run", "test", "check", "fix", "generate", "bench"} <= targets


def test_constraints_hold_versions_and_nothing_else():
    for line in (ROOT / "constraints.txt").read_text().splitlines():
        assert re.fullmatch(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+-]+", line), line


def test_nothing_names_a_path_of_the_machine_it_was_written_on():
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        path = ROOT / name
        if path.suffix in {".py", ".md", ".yaml", ".toml", ".json"} and path.is_file():
            assert str(ROOT) + "/" not in path.read_text(encoding="utf-8"), name


def test_every_metric_has_our_prefix_and_a_unit_or_a_plain_count():
    names = {one._name for one in vars(predictor_metrics).values() if hasattr(one, "_name")}
    units = ("_seconds", "_bytes", "_ratio", "_tokens", "_info")
    counts = (
        "_requests",
        "_size",
        "_inputs",
        "_rejected",
        "_refused",
        "_ready",
        "_hits",
        "_misses",
        "_retries",
    )
    assert names
    for name in names:
        assert name.startswith("retrieval_"), name
        assert name.endswith((*units, *counts)), name
