"""The CustomResourceDefinition of RetrievalService, built from the models. Pure."""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.spec.rules import RULES
from retrieval_operator.spec.schema import Schema, structural, validation
from retrieval_operator.spec.service import (
    GROUP,
    KIND,
    VERSION,
    Metadata,
    RetrievalService,
    RetrievalServiceSpec,
)
from retrieval_operator.spec.status import Status

PLURAL: Final = "retrievalservices"
NAME: Final = f"{PLURAL}.{GROUP}"

_READY: Final = '.status.conditions[?(@.type=="Ready")]'
_OBJECTIVE: Final = '.status.conditions[?(@.type=="ObjectiveMet")]'
_COLUMNS: Final = (
    ("Ready", "string", f"{_READY}.status", "Whether every component answers."),
    ("Reason", "string", f"{_READY}.reason", "Why it is ready or not."),
    ("Embedder", "string", ".status.components.embedder.ready", "Ready and desired pods."),
    ("Reranker", "string", ".status.components.reranker.ready", "Ready and desired pods."),
    ("GPU", "string", ".status.gpu", "Devices the plan fits."),
    ("Precision", "string", ".status.precision", "Number format of weights and activations."),
    ("Age", "date", ".metadata.creationTimestamp", "Time since the object was created."),
)
_WIDE_COLUMNS: Final = (
    ("Objective", "string", f"{_OBJECTIVE}.status", "Whether the promised burst can be held."),
    (
        "Embedder-Tokens/s",
        "integer",
        ".status.components.embedder.measured.tokensPerSecond",
        "Tokens a second that one device of it computed in its warm-up.",
    ),
    (
        "Reranker-Tokens/s",
        "integer",
        ".status.components.reranker.measured.tokensPerSecond",
        "Tokens a second that one device of it computed in its warm-up.",
    ),
    ("Message", "string", f"{_READY}.message", "What it means and what to do next."),
)


def definition() -> dict[str, Any]:
    """The whole CustomResourceDefinition, ready to be applied."""
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": NAME},
        "spec": {
            "group": GROUP,
            "scope": "Namespaced",
            "names": {
                "kind": KIND,
                "listKind": f"{KIND}List",
                "plural": PLURAL,
                "singular": KIND.lower(),
                "shortNames": ["rsvc"],
                "categories": ["retrieval"],
            },
            "versions": [_version()],
        },
    }


def _version() -> dict[str, Any]:
    return {
        "name": VERSION,
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "additionalPrinterColumns": [
            *(_column(*column) for column in _COLUMNS),
            *({**_column(*column), "priority": 1} for column in _WIDE_COLUMNS),
        ],
        "schema": {"openAPIV3Schema": _object()},
    }


def _column(name: str, kind: str, path: str, meaning: str) -> dict[str, Any]:
    return {"name": name, "type": kind, "jsonPath": path, "description": meaning}


def _object() -> Schema:
    """The root: a schema may only restrict metadata.name, so rules on metadata move up here."""
    name = structural(Metadata)["properties"]["name"]
    return {
        "type": "object",
        "description": " ".join((RetrievalService.__doc__ or "").split()),
        "required": ["spec"],
        "x-kubernetes-validations": [
            validation(rule, ".metadata") for rule in RULES if rule.on is Metadata
        ],
        "properties": {
            "apiVersion": {"type": "string", "description": "Version of this schema."},
            "kind": {"type": "string", "description": "Kind of the object."},
            "metadata": {
                "type": "object",
                "properties": {"name": {"type": "string", "maxLength": name["maxLength"]}},
            },
            "spec": structural(RetrievalServiceSpec),
            "status": structural(Status),
        },
    }
