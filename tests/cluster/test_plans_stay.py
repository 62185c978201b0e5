"""A stored plan outlives operators that would decide otherwise, and nodes that come and go."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cluster.api import NODE, POD, RETRIEVAL_SERVICE, until
from tests.cluster.lab import Lab
from tests.cluster.nodes import whole
from tests.cluster.operated import Operated, says, service, wait_ready

REVISION = "apps/v1/ControllerRevision"
LONGER_THAN_A_PASS_S = 3.0
OTHER_CONSTANTS = """
from dataclasses import replace
from retrieval_operator.plan import aim
for profile, one in tuple(aim.GPU_AIMS.items()):
    aim.GPU_AIMS[profile] = replace(one, most_tokens=1024, wait_s=9.0)
"""
"""A later version of the planner, as far as its decisions go: Python runs this at its start."""


@pytest.fixture
def later(lab: Lab, operator: Operated, tmp_path: Path) -> Iterator[Operated]:
    """An operator with other constants and another default image, in place of the present one."""
    (tmp_path / "sitecustomize.py").write_text(OTHER_CONSTANTS)
    operator.stop()
    running = Operated(lab, "later", environment={"PYTHONPATH": str(tmp_path)})
    yield running
    running.stop()
    operator.start()


def plan(lab: Lab, namespace: str) -> dict:
    found: dict = lab.api.get(RETRIEVAL_SERVICE, "docs", namespace)["status"]["components"]
    return found["embedder"]


def uids(lab: Lab, namespace: str) -> set[str]:
    return {pod["metadata"]["uid"] for pod in lab.api.list(POD, namespace)}


def revisions(lab: Lab, namespace: str) -> list[str]:
    return sorted(one["metadata"]["name"] for one in lab.api.list(REVISION, namespace))


def retrieval(lab: Lab, *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "retrieval_operator.cli", *arguments],
        env=os.environ | {"KUBECONFIG": str(lab.kubeconfig)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_an_operator_with_other_constants_restarts_nothing_until_it_is_asked(
    lab, namespace, nodes, later
):
    nodes(whole(count=2))
    first = Operated(lab, "first")
    first.start()
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    before, pods = plan(lab, namespace), uids(lab, namespace)
    first.stop()
    later.start()
    until(lambda: later.metric("retrieval_operator_reconcile_total", result="done"), "a pass")
    time.sleep(LONGER_THAN_A_PASS_S)
    assert uids(lab, namespace) == pods
    assert plan(lab, namespace)["plan"] == before["plan"]
    retrieval(lab, "replan", "docs", "--namespace", namespace)
    until(lambda: plan(lab, namespace)["revision"]["number"] == 2, "a second plan")
    smaller = plan(lab, namespace)["plan"]["maxBatchTokens"]
    assert smaller < before["plan"]["maxBatchTokens"]
    wait_ready(lab, "docs", namespace)
    assert not uids(lab, namespace) & pods
    retrieval(lab, "rollback", "docs", "--namespace", namespace, "--to", "1")
    until(lambda: plan(lab, namespace)["revision"]["number"] == 1, "the first plan")
    wait_ready(lab, "docs", namespace)
    assert plan(lab, namespace)["plan"] == before["plan"]
    told = retrieval(lab, "history", "docs", "--namespace", namespace)
    assert [line.split()[:4] for line in told.splitlines()[1:]] == [
        ["embedder", "1", "now", "First"],
        ["embedder", "2", "Asked", told.splitlines()[2].split()[3]],
    ]


@pytest.mark.usefixtures("operator")
def test_a_t4_that_joins_and_a_device_plugin_that_flaps_move_nothing(lab, namespace, nodes):
    (name,) = nodes(whole("NVIDIA-A100-SXM4-80GB"))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    before, pods = plan(lab, namespace), uids(lab, namespace)
    nodes(whole("Tesla-T4", count=2))
    lab.api.patch_status(NODE, name, {"allocatable": {"nvidia.com/gpu": "0"}})
    time.sleep(LONGER_THAN_A_PASS_S)
    lab.api.patch_status(NODE, name, {"allocatable": {"nvidia.com/gpu": "1"}})
    time.sleep(LONGER_THAN_A_PASS_S)
    assert uids(lab, namespace) == pods
    assert plan(lab, namespace)["revision"] == before["revision"]
    assert revisions(lab, namespace) == ["docs-embedder-1"]


@pytest.mark.usefixtures("operator")
def test_a_pod_planned_for_an_a100_waits_rather_than_computing_on_a_t4(lab, namespace, nodes):
    nodes(whole("NVIDIA-A100-SXM4-80GB"))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    nodes(whole("Tesla-T4", count=2))
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": {"embedder": {"replicas": 2}}}, namespace)
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("EmbedderReady", "False", "Unschedulable"),
        namespace=namespace,
    )  # fmt: skip
    assert found["status"]["components"]["embedder"]["ready"] == "1/2"


@pytest.mark.usefixtures("operator")
def test_suspending_works_while_a_plan_is_refused(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    refused = {"model": {"uri": "hf://nobody/knows-this"}}
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": {"embedder": refused}}, namespace)
    lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("PlanValid", "False", "UnknownModel"), namespace=namespace
    )
    assert uids(lab, namespace)
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": {"suspend": True}}, namespace)
    until(lambda: not uids(lab, namespace), "the pods are gone")
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": {"suspend": False}}, namespace)
    until(lambda: uids(lab, namespace), "the pods of the former plan are back")


@pytest.mark.usefixtures("operator")
def test_ready_waits_for_a_change_that_kserve_cannot_pass_on(lab, namespace, nodes):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    odd = {"volumes": [{"name": "data", "hostPath": {"path": "/data/../etc"}}]}
    embedder = {"podTemplate": odd}
    lab.api.patch(RETRIEVAL_SERVICE, "docs", {"spec": {"embedder": embedder}}, namespace)
    lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("KServeAvailable", "False", "KServeSilent"),
        namespace=namespace,
    )  # fmt: skip
    found = lab.api.get(RETRIEVAL_SERVICE, "docs", namespace)
    assert says("Ready", "False")(found)
    assert says("EmbedderReady", "True")(found)
