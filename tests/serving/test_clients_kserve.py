"""KServe's own clients work unchanged, over REST and gRPC."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from tests.support.asking import TEXTS, assert_same, vectors
from tests.support.processes import Predictor

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]


@pytest.fixture(scope="module")
def seen(embedder: Predictor) -> dict[str, Any]:
    """What they saw, in a process of their own: Triton's messages have the same names."""
    arguments = ["-m", "tests.support.kserve_clients", embedder.url, embedder.grpc, *TEXTS]
    run = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout.splitlines()[-1])


def test_they_see_a_server_that_is_live_and_ready(seen: dict[str, Any]):
    assert seen["rest_health"] == {"live": True, "ready": True, "model": True, "other": False}
    assert seen["grpc_health"] == {"live": True, "ready": True, "model": True}


@pytest.mark.parametrize("way", ["rest_json", "rest_binary", "grpc"])
def test_they_get_the_vectors(seen: dict[str, Any], way: str, embedder: Predictor):
    answer = seen[way]
    assert (answer["id"], answer["outputs"]) == ("mine", ["embedding"])
    assert_same(answer["vectors"], vectors(embedder))


@pytest.mark.parametrize("way", ["rest", "grpc"])
def test_they_are_told_what_is_wrong(seen: dict[str, Any], way: str):
    assert "1 to 384" in seen[f"{way}_refusal"]
