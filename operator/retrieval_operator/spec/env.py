"""Which field of a component reaches the predictor, and as which environment variable.

A knob has one name: `batching.maxBatchTokens` is `RETRIEVAL_BATCHING__MAX_BATCH_TOKENS`. A contract
test compares this list with the predictor's settings.
"""

from __future__ import annotations

from typing import Final

from pydantic.alias_generators import to_snake

PREFIX: Final = "RETRIEVAL_"
LIMITS_KEY: Final = "limits.json"
"""The file of limits that running pods read again; a ConfigMap's key."""

KNOBS: Final = (
    "servedName",
    "model.uri",
    "model.revision",
    "model.trustRemoteCode",
    "model.allowPickle",
    "precision",
    "maxInputTokens",
    "workers",
    "batching.maxBatchTokens",
    "batching.maxBatchSize",
    "batching.maxQueueTokens",
    "batching.maxQueueDelayMilliseconds",
    "gpu.count",
    "acceptTokenIds",
    "prompts",
    "scoring",
    "instruction",
)
"""Fields of `spec.embedder` and `spec.reranker` that the predictor reads under the same name."""

PLANNED: Final = (
    "auth.apiKeysFile",
    "batching.maxQueueWaitMilliseconds",
    "component",
    "gpu.memoryBytes",
    "limitsFile",
    "model.path",
    "plannedMemoryBytes",
    "threads",
    "httpPort",
    "grpcPort",
    "runtimeDir",
    "drainDelayS",
)
"""Settings of the predictor that only the operator sets; no field of the object has their name."""


def env_name(knob: str) -> str:
    """The environment variable of a knob: `gpu.count` is `RETRIEVAL_GPU__COUNT`."""
    return PREFIX + "__".join(to_snake(part) for part in knob.split(".")).upper()


RESERVED: Final = tuple(env_name(knob) for knob in (*KNOBS, *PLANNED))
"""Variables that an author cannot set in podTemplate.env, because the operator does."""
