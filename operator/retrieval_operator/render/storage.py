"""How a checkpoint reaches the pod: by KServe's storage initialiser, or by the predictor. Pure.

KServe downloads or mounts what the variable STORAGE_URI names into /mnt/models before the predictor
starts. It takes `hf://owner/name:revision` without a slash in the revision, and a token only under
the key HF_TOKEN of a Secret of the ServiceAccount; anything else the predictor fetches itself.
Source: kserve 0.20, python/storage/kserve_storage, pkg/credentials/hf, predictor_custom.go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.spec.source import ModelSource

MODEL_FOLDER: Final = "/mnt/models"
CACHE_FOLDER: Final = "/var/cache/huggingface"
_FETCHED: Final = ("hf", "s3", "gs", "pvc", "oci")


@dataclass(frozen=True, slots=True)
class Storage:
    """`model_path` is the folder KServe fills, None where the predictor finds the checkpoint.

    `needs_cache` asks for a writable folder to download into.
    """

    model_path: str | None
    environment: tuple[dict[str, Any], ...]
    needs_cache: bool


def storage_of(source: ModelSource) -> Storage:
    """What the pod of this model needs."""
    scheme, _, rest = source.uri.partition("://")
    if scheme not in _FETCHED:
        return Storage(None, (), needs_cache=False)
    if scheme == "hf" and not _initialiser_can(source):
        return Storage(None, _own_download(source), needs_cache=True)
    revision = f":{source.revision}" if source.revision else ""
    address = f"{scheme}://{rest}{revision}"
    return Storage(MODEL_FOLDER, ({"name": "STORAGE_URI", "value": address},), needs_cache=False)


def _initialiser_can(source: ModelSource) -> bool:
    return source.token_secret is None and "/" not in (source.revision or "")


def _own_download(source: ModelSource) -> tuple[dict[str, Any], ...]:
    home = {"name": "HF_HOME", "value": CACHE_FOLDER}
    if source.token_secret is None:
        return (home,)
    reference = {"name": source.token_secret.name, "key": source.token_secret.key}
    return (home, {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": reference}})
