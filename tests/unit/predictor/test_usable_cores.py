"""A container's quota counts, not only the cores of its machine."""

from __future__ import annotations

import pytest

from retrieval_predictor.engine.cores import usable_cores
from retrieval_predictor.engine.device import cpu_slots


@pytest.mark.parametrize(
    ("bounds", "cores"), [("max 100000", 64), ("400000 100000", 4), ("50000 100000", 1)]
)
def test_a_quota_of_cgroups_version_2(tmp_path, bounds, cores):
    (tmp_path / "cpu.max").write_text(f"{bounds}\n")
    assert usable_cores(tmp_path, affinity=64) == cores


@pytest.mark.parametrize(("quota", "cores"), [("-1", 64), ("250000", 2)])
def test_a_quota_of_cgroups_version_1(tmp_path, quota, cores):
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu/cpu.cfs_quota_us").write_text(f"{quota}\n")
    (tmp_path / "cpu/cpu.cfs_period_us").write_text("100000\n")
    assert usable_cores(tmp_path, affinity=64) == cores


def test_no_control_group_bounds_nothing(tmp_path):
    assert usable_cores(tmp_path, affinity=3) == 3


@pytest.mark.parametrize(
    ("cores", "budget", "longest", "slots"),
    [(2, 4096, 256, 2), (16, 4096, 512, 8), (16, 8192, 8192, 1), (4, 100, 512, 1)],
)
def test_longest_texts_in_every_slot_fit_in_the_budget(cores, budget, longest, slots):
    assert cpu_slots(cores, budget, longest) == slots
