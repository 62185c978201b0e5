"""`python -m tests.cluster` leaves a cluster running, tells how to reach it, and ends it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster import tools


def cluster(*arguments: str, cache: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.cluster", *arguments],
        env=os.environ | {"XDG_CACHE_HOME": str(cache)},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """A cache of its own, with the programs that are built already."""
    for name in tools.PROGRAMS:
        tools.ensure(name)
    tools.made(tools.KWOK_STAGES)
    (tmp_path / "retrieval-service").mkdir()
    (tmp_path / "retrieval-service" / "tools").symlink_to(tools.cache_folder() / "tools")
    return tmp_path


@pytest.mark.timeout(240)
def test_it_comes_up_and_goes_down(cache: Path):
    try:
        up = cluster("up", "--kserve=none", "--nodes", "l4", "cpu", cache=cache)
        assert up.returncode == 0, up.stderr
        (cache / "exports").write_text(up.stdout)
        command = (
            f". {cache}/exports; kubectl get nodes,crd --output=name; "
            "kubectl apply --filename manifests/quickstart.yaml && "
            "kubectl wait --for=jsonpath='{.status.phase}' retrievalservice/quickstart && "
            "helm upgrade --install --take-ownership retrieval-operator charts/retrieval-operator "
            "--namespace retrieval-system --create-namespace"
        )
        seen = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True)
        state = json.loads((cache / "retrieval-service/cluster/ready.json").read_text())
    finally:
        down = cluster("down", cache=cache)
    assert down.stdout == "ended\n"
    assert {"node/l4-0", "node/cpu-1"} <= set(seen.stdout.split())
    assert "retrievalservices.retrieval.io" in seen.stdout
    assert "STATUS: deployed" in seen.stdout
    assert "never answer" in up.stdout
    assert [pid for pid in state["servers"].values() if Path(f"/proc/{pid}").exists()] == []


def test_nothing_to_end_is_no_failure(tmp_path: Path):
    assert cluster("down", cache=tmp_path).stdout == "nothing runs\n"
    assert cluster("status", cache=tmp_path).returncode == 1
