"""What a built image tells whoever runs it."""

from __future__ import annotations

import tomllib

import pytest

from retrieval_operator.render.pod import GRPC_PORT, HTTP_PORT, USER_ID
from tests.images.store import Image
from tests.support.documented import ROOT

LABEL = "org.opencontainers.image."


def test_an_image_is_started_by_a_number_that_is_not_root(image: Image):
    assert image.config["User"] == f"{USER_ID}:{USER_ID}"


def test_an_image_says_what_it_is(image: Image):
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    labels = image.config["Labels"]
    assert [labels[f"{LABEL}title"]] == image.config["Entrypoint"]
    assert labels[f"{LABEL}version"] == project["version"]
    assert labels[f"{LABEL}licenses"] == project["license"]
    assert labels[f"{LABEL}description"]


def test_an_image_leaves_it_to_the_pod_whether_it_is_healthy(image: Image):
    assert "Healthcheck" not in image.record


@pytest.mark.parametrize(
    ("name", "ports"), [("operator", {HTTP_PORT}), ("predictor", {HTTP_PORT, GRPC_PORT})]
)
def test_an_image_exposes_the_ports_of_its_pod(
    request: pytest.FixtureRequest, name: str, ports: set[int]
):
    config = request.getfixturevalue(name).config
    assert config["ExposedPorts"].keys() == {f"{port}/tcp" for port in ports}
