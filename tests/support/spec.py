"""RetrievalService documents and objects for tests; a test names only what matters to it."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from retrieval_operator.spec import Embedder, Reranker, RetrievalService, parse

ROOT = Path(__file__).parents[2]
MANIFESTS = (
    ROOT / "manifests" / "quickstart.yaml",
    *sorted((ROOT / "manifests" / "samples").glob("*.yaml")),
)


def document(spec: Mapping[str, Any] | None = None, name: str = "docs") -> dict[str, Any]:
    """A RetrievalService as an author would write it; without `spec` the smallest valid one."""
    return {
        "apiVersion": "retrieval.io/v1alpha1",
        "kind": "RetrievalService",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"embedder": {}} if spec is None else dict(spec),
    }


def service(spec: Mapping[str, Any] | None = None, name: str = "docs") -> RetrievalService:
    """The parsed object of `document`."""
    return parse(document(spec, name))


def embedder(**fields: Any) -> Embedder:
    """The embedder of a service that has nothing else."""
    parsed = service({"embedder": fields}).spec.embedder
    if parsed is None:
        raise AssertionError("an embedder was asked for")
    return parsed


def reranker(**fields: Any) -> Reranker:
    """The reranker of a service that has nothing else."""
    parsed = service({"reranker": fields}).spec.reranker
    if parsed is None:
        raise AssertionError("a reranker was asked for")
    return parsed


def load(path: Path) -> dict[str, Any]:
    """The document of a manifest."""
    loaded: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    return loaded
