"""`retrieval index` is a program of another package, found by its name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from retrieval_operator.cli import external

RETRIEVAL = Path(sys.executable).with_name("retrieval")


def test_retrieval_index_runs_the_program_of_that_name(tmp_path):
    done = subprocess.run(
        [RETRIEVAL, "index", "info", str(tmp_path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 1
    assert "nothing was published there" in done.stderr


def test_a_command_that_is_not_installed_says_how_to_get_it(monkeypatch, capsys):
    monkeypatch.setattr(external, "_program", lambda _name: None)
    assert external.run_external(["index", "info"]) == 2
    assert "pip install 'retrieval-service[search]'" in capsys.readouterr().err
