"""One engine's failure is one engine's: what ends a pod, and what does not."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine import EXIT_CONFIGURATION, EXIT_DEVICE
from retrieval_predictor.errors import ImpossibleSettings
from retrieval_predictor.settings import Gpu, ModelSource, Settings
from retrieval_predictor.supervisor.environment import (
    engine_environment,
    is_remote,
    visible_devices,
)
from retrieval_predictor.supervisor.lives import (
    LONGEST_PAUSE_S,
    MOST_FAILURES,
    Life,
    Record,
    Silence,
    end_of_pod,
)
from retrieval_predictor.supervisor.run import bury_the_dead, require_socket_path
from retrieval_predictor.wire import processes

KILLED = -9


def lived(*lives: tuple[int, bool]) -> Record:
    """The record of an engine with these lives: status, and whether it was ready."""
    record = Record()
    for status, was_ready in lives:
        record = record.after(Life(status, was_ready, lasted_s=1.0))
    return record


def test_a_configuration_that_never_worked_ends_the_pod_at_once():
    assert end_of_pod([lived((EXIT_CONFIGURATION, False))]) == EXIT_CONFIGURATION
    assert end_of_pod([Record(), lived((EXIT_CONFIGURATION, False))]) == EXIT_CONFIGURATION


def test_a_gpu_that_falls_off_the_bus_costs_its_own_engine_and_no_other():
    """Its engine is started again and then says that there is no such device."""
    lost = lived((EXIT_DEVICE, True), *[(EXIT_CONFIGURATION, False)] * 100)
    assert end_of_pod([lost, Record()]) is None
    assert end_of_pod([lost, lived((KILLED, True))]) is None


@pytest.mark.parametrize(
    ("status", "told"), [(EXIT_DEVICE, EXIT_DEVICE), (KILLED, 1), (1, 1), (0, 1)]
)
def test_engines_of_which_none_comes_back_end_the_pod(status, told):
    failing = [(status, False)]
    assert end_of_pod([lived(*failing * (MOST_FAILURES - 1))]) is None
    assert end_of_pod([lived(*failing * MOST_FAILURES)]) == told
    assert end_of_pod([lived(*failing * MOST_FAILURES), lived(*failing * 2)]) is None
    assert end_of_pod([lived(*failing * MOST_FAILURES)] * 2) == told


def test_an_engine_that_served_and_cannot_be_served_again_ends_the_pod_in_the_end():
    record = lived((KILLED, True), *[(EXIT_CONFIGURATION, False)] * MOST_FAILURES)
    assert end_of_pod([record]) == EXIT_CONFIGURATION


@given(lives=st.lists(st.tuples(st.sampled_from([0, 1, KILLED, EXIT_DEVICE]), st.booleans())))
def test_an_engine_that_is_ready_now_and_then_never_ends_the_pod(lives):
    kept = [life for life in lives if life[1]]
    assert end_of_pod([lived(*kept)]) is None
    assert 0 < lived(*lives).pause_s <= LONGEST_PAUSE_S


def test_an_engine_that_hangs_before_its_first_sign_is_silent_in_the_end():
    silence = Silence(most_looks=60, most_looks_at_start=300)
    assert [silence.look(0) for _ in range(300)] == [False] * 299 + [True]


def test_an_engine_that_beats_is_not_silent_and_one_that_stops_is():
    silence = Silence(most_looks=3, most_looks_at_start=300)
    assert not any(silence.look(beat_ns) for beat_ns in [0, 0, 0, 0, 5, 5, 5, 6, 7, 7, 7])
    assert silence.look(7)


@pytest.mark.parametrize(
    ("environment", "visible"),
    [
        ({}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "all"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "0,1"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "/var/run/nvidia-container-devices"}, ""),
        ({"NVIDIA_VISIBLE_DEVICES": "MIG-a,MIG-b"}, "MIG-a,MIG-b"),
        ({"NVIDIA_VISIBLE_DEVICES": "MIG-a,MIG-b", "CUDA_VISIBLE_DEVICES": "3"}, "3"),
    ],
)
def test_mig_devices_are_told_apart_by_the_names_the_runtime_gave(environment, visible):
    assert visible_devices(environment) == visible


def test_each_engine_of_two_mig_devices_sees_one():
    told = {"NVIDIA_VISIBLE_DEVICES": "MIG-a, MIG-b"}
    settings = Settings(gpu=Gpu(count=2))
    seen = [engine_environment(settings, told, n)["CUDA_VISIBLE_DEVICES"] for n in range(2)]
    assert seen == ["MIG-a", "MIG-b"]


def test_the_allocator_takes_segments_that_grow_unless_it_was_set_up():
    gpu, cpu = Settings(gpu=Gpu(count=1)), Settings()
    own = {"PYTORCH_CUDA_ALLOC_CONF": "backend:cudaMallocAsync"}
    assert engine_environment(gpu, {}, 0) == {"PYTORCH_ALLOC_CONF": "expandable_segments:True"}
    assert engine_environment(gpu, own, 0) == own
    assert engine_environment(cpu, {}, 0) == {}


@pytest.mark.parametrize(
    ("source", "remote"),
    [
        (ModelSource(uri="hf://BAAI/bge-m3"), True),
        (ModelSource(uri="hf://BAAI/bge-m3", path=Path("/mnt/models")), False),
        (ModelSource(), False),
    ],
)
def test_only_an_address_that_can_change_its_meaning_is_looked_up_first(source, remote):
    assert is_remote(source) is remote


def test_a_folder_too_deep_for_a_socket_is_refused_with_the_bytes_to_save():
    require_socket_path(Path("/tmp"), "embedder")
    with pytest.raises(ImpossibleSettings, match=r"is \d+ bytes too long"):
        require_socket_path(Path("/" + "x" * 118), "embedder")


def test_counts_that_cannot_be_read_cost_themselves_and_no_gauge_stays(tmp_path: Path):
    counts = tmp_path / "metrics"
    counts.mkdir()
    gone = 2**22 + 1  # above any process id (proc(5), pid_max)
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / f"engine-{gone}").touch()
    (counts / f"gauge_livesum_{gone}.db").touch()
    (counts / f"counter_{gone}.db").write_bytes(struct.pack("i", 10**6) + b"torn" * 10)
    (counts / "counter_0.db").write_bytes(bytes(1 << 16))
    bury_the_dead(tmp_path, counts)
    assert sorted(path.name for path in counts.glob("*.db")) == ["counter_0.db"]


def test_a_list_of_processes_that_makes_no_sense_ends_nothing(tmp_path: Path):
    (tmp_path / "processes").mkdir()
    (tmp_path / "processes" / "engine-x").touch()
    bury_the_dead(tmp_path, tmp_path)


def test_an_engine_says_that_it_was_ready_and_the_next_one_starts_anew(tmp_path: Path):
    socket = tmp_path / "engine-0.sock"
    assert not processes.was_ready(socket)
    processes.mark_ready(socket)
    assert processes.was_ready(socket)
    processes.forget_ready(socket)
    assert not processes.was_ready(socket)
    assert [*tmp_path.iterdir()] == []
