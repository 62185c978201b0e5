"""docs/conformance.md says what is tested."""

from __future__ import annotations

import subprocess
import sys

from tests.conformance import rest


def test_the_page_of_the_protocol_is_current():
    """In a process of its own: Triton's messages, which the tables hold, are named as KServe's."""
    command = [sys.executable, "-m", "tests.conformance.write", "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_no_point_stands_there_twice():
    points = [(point.part, point.says) for point in rest.POINTS]
    assert len(set(points)) == len(points)
