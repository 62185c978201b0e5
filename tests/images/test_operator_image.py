"""The operator's image, started as the chart's pod is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrieval_operator.render.pod import USER_ID
from tests.images.pod import Running, started
from tests.images.store import Image
from tests.support.documented import ROOT

AWAY = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "away",
    "clusters": [{"name": "away", "cluster": {"server": "http://127.0.0.1:9"}}],
    "users": [{"name": "away", "user": {}}],
    "contexts": [{"name": "away", "context": {"cluster": "away", "user": "away"}}],
}
"""A login to an API server that does not answer."""


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    """The PodSpec in manifests/install.yaml."""
    documents = yaml.safe_load_all((ROOT / "manifests" / "install.yaml").read_text())
    (deployment,) = (one for one in documents if one["kind"] == "Deployment")
    found: dict[str, Any] = deployment["spec"]["template"]["spec"]
    return found


@pytest.fixture(scope="module")
def pod(
    operator: Image, spec: dict[str, Any], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Running]:
    """Its container, with a login that leads nowhere."""
    (container,) = spec["containers"]
    container["env"].append({"name": "KUBECONFIG", "value": "/login/config"})
    container["volumeMounts"].append({"name": "login", "mountPath": "/login"})
    folder = tmp_path_factory.mktemp("operator")
    files = {"login": {"config": yaml.safe_dump(AWAY)}}
    with started(operator, spec, folder, files) as running:
        yield running


def test_without_a_cluster_it_says_so_and_ends(
    operator: Image, spec: dict[str, Any], tmp_path: Path
):
    with started(operator, spec, tmp_path, {}) as running:
        assert running.process.wait(timeout=60) == 78
    assert "config" in running.log.read_text()


def test_it_is_alive_and_unready_while_no_api_server_answers(pod: Running):
    pod.wait(lambda: pod.request("GET", "/healthz").status_code == 200, limit_s=60)
    assert pod.request("GET", "/readyz").status_code == 503
    assert "retrieval_operator_" in pod.request("GET", "/metrics").text


def test_it_has_the_rights_of_a_restricted_pod(pod: Running):
    status = pod.status()
    assert set(status["Uid"].split()) == set(status["Gid"].split()) == {str(USER_ID)}
    assert all(int(status[name], 16) == 0 for name in ("CapPrm", "CapEff", "CapBnd", "CapAmb"))
    assert status["NoNewPrivs"] == "1"


def test_it_ends_in_order_as_process_1(pod: Running):
    assert pod.stop() == 0
