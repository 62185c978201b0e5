"""A process tree's CPU time never runs backwards and includes children that have died."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.cpu import Meter, ProcessTrees
from retrieval_bench.errors import NoSuchProcess

BURN = "import time\nwhile time.process_time() < 0.3: pass"
PARENT = f"""
import subprocess, sys
subprocess.run([sys.executable, "-c", {BURN!r}])
print("reaped", flush=True)
sys.stdin.read()
"""


@given(sums=st.lists(st.floats(0, 1e6), min_size=1))
def test_the_meter_never_runs_backwards_and_never_loses(sums):
    meter = Meter()
    readings = [meter.read(sum_s) for sum_s in sums]
    assert all(b >= a - 1e-6 for a, b in itertools.pairwise(readings))
    assert readings[-1] >= max(sums) - 1e-3


def test_the_time_of_a_child_that_was_reaped_is_that_of_its_tree():
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        tree = ProcessTrees([parent.pid])
        assert parent.stdout
        assert parent.stdout.readline() == b"reaped\n"
        assert 0.25 <= tree.cpu_s() < 5
        assert tree.memory_bytes() > 2**20
        parent.communicate()
        assert tree.cpu_s() >= 0.25


def test_a_tree_includes_children_that_run():
    before_s = time.process_time()
    assert ProcessTrees([os.getpid()]).cpu_s() >= before_s - 0.02


def test_a_process_that_is_gone_is_refused_with_its_number():
    with subprocess.Popen([sys.executable, "-c", ""]) as gone:
        pass
    with pytest.raises(NoSuchProcess, match=str(gone.pid)):
        ProcessTrees([gone.pid]).check()
