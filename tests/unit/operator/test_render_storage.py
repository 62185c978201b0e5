"""How a checkpoint reaches the pod."""

import pytest

from retrieval_operator.render.storage import MODEL_FOLDER, storage_of
from retrieval_operator.spec.source import ModelSource, SecretKey


def addresses(storage):
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in storage.environment}


@pytest.mark.parametrize(
    ("uri", "revision", "address"),
    [
        ("hf://BAAI/bge-m3", None, "hf://BAAI/bge-m3"),
        ("hf://BAAI/bge-m3", "abc123", "hf://BAAI/bge-m3:abc123"),
        ("s3://bucket/model", None, "s3://bucket/model"),
        ("gs://bucket/model", None, "gs://bucket/model"),
        ("pvc://claim/model", None, "pvc://claim/model"),
        ("oci://registry/image:v1", None, "oci://registry/image:v1"),
    ],
)
def test_kserve_fetches_what_it_can(uri, revision, address):
    storage = storage_of(ModelSource(uri=uri, revision=revision))
    assert addresses(storage) == {"STORAGE_URI": address}
    assert storage.model_path == MODEL_FOLDER


@pytest.mark.parametrize("uri", ["builtin://all-MiniLM-L6-v2", "file:///models/mine"])
def test_what_is_in_the_pod_already_is_not_fetched(uri):
    storage = storage_of(ModelSource(uri=uri))
    assert (storage.model_path, storage.environment) == (None, ())


def test_a_token_goes_from_the_secret_to_the_predictor_that_downloads():
    source = ModelSource(uri="hf://BAAI/bge-m3", token_secret=SecretKey(name="hf", key="token"))
    storage = storage_of(source)
    assert addresses(storage)["HF_TOKEN"] == {"secretKeyRef": {"name": "hf", "key": "token"}}
    assert "STORAGE_URI" not in addresses(storage)
    assert storage.needs_cache


def test_a_revision_with_a_slash_is_beyond_the_initialiser():
    storage = storage_of(ModelSource(uri="hf://BAAI/bge-m3", revision="refs/pr/1"))
    assert "STORAGE_URI" not in addresses(storage)
