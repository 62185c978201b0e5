"""The predictor's image, started as the pod that the quickstart has on a node without GPUs.

It has no network to download from: the model is in the image.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import yaml

from tests.images.pod import Running, started
from tests.images.store import Image
from tests.support.documented import ROOT

RENDERED = ROOT / "tests" / "golden" / "quickstart-on-cpu" / "manifests.yaml"
READY_LIMIT_S = 240
TEXTS = [
    "How do I bake bread?",
    "Mix flour, water, salt and yeast, let the dough rise, then bake it for 40 minutes.",
    "The stock market closed lower on Monday.",
]


@pytest.fixture(scope="module")
def documents() -> dict[tuple[str, str], dict[str, Any]]:
    """What the operator renders for the quickstart, by kind and name."""
    found = yaml.safe_load_all(RENDERED.read_text())
    return {(one["kind"], one["metadata"]["name"]): one for one in found}


@pytest.fixture(scope="module")
def pod(
    predictor: Image,
    documents: dict[tuple[str, str], dict[str, Any]],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Running]:
    """The embedder's container."""
    limits = documents["ConfigMap", "quickstart-embedder-limits"]["data"]
    spec = documents["InferenceService", "quickstart-embedder"]["spec"]["predictor"]
    folder = tmp_path_factory.mktemp("predictor")
    with started(predictor, spec, folder, {"limits": limits}) as running:
        yield running


def test_it_serves_the_model_that_it_holds(pod: Running):
    ready = "/v2/models/embedder/ready"
    pod.wait(lambda: pod.request("GET", ready).status_code == 200, limit_s=READY_LIMIT_S)
    answer = pod.request("POST", "/v1/embeddings", json={"input": TEXTS}).json()
    question, near, far = (np.asarray(one["embedding"]) for one in answer["data"])
    assert question.shape == (384,)
    assert question @ near > 0.5 > question @ far


def test_it_ends_in_order_as_process_1(pod: Running):
    assert pod.stop() == 0
