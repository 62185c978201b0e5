"""The script that a worker's cost is quoted from still measures."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

SCRIPT = Path(__file__).parents[2] / "bench" / "overhead.py"


def test_it_measures_this_predictors_worker_beside_kserves():
    command = [sys.executable, str(SCRIPT), "--requests", "160", "--rounds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr
    line = r"round 0: ours (\d+\.\d+) ms, kserve (\d+\.\d+) ms, (\d+\.\d+) x\n"
    found = re.fullmatch(line, done.stdout)
    assert found, done.stdout
    assert 0 < float(found[1]) < float(found[2])
