"""What the API server makes of an accepted object: defaults, immutability, status."""

import pytest

from retrieval_operator.spec import parse
from tests.cluster.api import RETRIEVAL_SERVICE, Api, Refused
from tests.support.spec import document

NOW = "2026-11-21T06:00:00Z"
CONDITION = {
    "type": "Ready",
    "status": "False",
    "reason": "Progressing",
    "message": "1 of 2 pods answer",
    "observedGeneration": 1,
    "lastTransitionTime": NOW,
}
COMPONENT = {
    "inferenceService": "docs-embedder",
    "url": "http://docs-embedder-predictor.default.svc.cluster.local",
    "ready": "1/2",
    "replicas": {"desired": 2, "updated": 2, "ready": 1},
    "plan": {
        "digest": "9f2c",
        "device": "NVIDIA-L4",
        "basis": "node label nvidia.com/gpu.memory",
        "precision": "fp16",
        "workers": 2,
        "maxInputTokens": 512,
        "maxBatchTokens": 16384,
        "maxBatchSize": 256,
        "maxQueueTokens": 262144,
        "gpuMemory": {
            "availableBytes": 24146608128,
            "plannedBytes": 4294967296,
            "terms": [{"name": "weights", "bytes": 670000000, "basis": "335 M × 2 bytes"}],
        },
        "decisions": [
            {"field": "precision", "value": "fp16", "by": "planned", "why": "the L4 has it"}
        ],
        "estimate": {"tokensPerSecond": 90000, "textTokens": 512},
        "notes": ["pin model.revision"],
    },
    "effectiveConfig": {"batching.maxBatchTokens": "16384"},
    "measured": {"peakMemoryBytes": 4200000000, "tokensPerSecond": 90000, "time": NOW},
    "lastFailure": {
        "reason": "OOMKilled",
        "message": "",
        "pod": "docs-0",
        "exitCode": 137,
        "time": NOW,
    },
}
STATUS = {
    "observedGeneration": 1,
    "phase": "Progressing",
    "gpu": "NVIDIA-L4",
    "precision": "fp16",
    "conditions": [CONDITION],
    "components": {"embedder": COMPONENT},
}


def test_the_api_server_fills_in_the_defaults_that_the_parser_does(api: Api):
    written = document({"embedder": {"gpu": {}}, "reranker": {"autoscaling": {"maxReplicas": 2}}})
    stored = api.try_out(written)
    assert parse(stored).spec == parse(written).spec
    assert stored["spec"]["embedder"]["model"]["uri"] == "builtin://all-MiniLM-L6-v2"
    assert stored["spec"]["embedder"]["gpu"] == {"resource": "nvidia.com/gpu", "count": 1}
    assert stored["spec"]["monitoring"]["podMonitor"]["intervalSeconds"] == 15


def test_the_deployment_mode_cannot_change(api: Api):
    api.create(document(name="stays-standard"))
    with pytest.raises(Refused, match="immutable: delete the object"):
        api.patch(RETRIEVAL_SERVICE, "stays-standard", {"spec": {"deploymentMode": "Knative"}})


def test_anything_else_can_change(api: Api):
    api.create(document(name="changes"))
    changed = api.patch(
        RETRIEVAL_SERVICE, "changes", {"spec": {"embedder": {"replicas": 2}, "profile": "Latency"}}
    )
    assert changed["metadata"]["generation"] == 2


def test_a_full_status_is_taken_as_it_is(api: Api):
    api.create(document(name="reported"))
    assert api.patch_status(RETRIEVAL_SERVICE, "reported", STATUS)["status"] == STATUS


def test_a_status_does_not_change_the_generation(api: Api):
    api.create(document(name="observed"))
    assert api.patch_status(RETRIEVAL_SERVICE, "observed", STATUS)["metadata"]["generation"] == 1


def test_an_unknown_field_of_the_status_is_refused(api: Api):
    api.create(document(name="misreported"))
    with pytest.raises(Refused, match=r'unknown field "status\.readiness"'):
        api.patch_status(RETRIEVAL_SERVICE, "misreported", {"readiness": True})


def test_one_condition_type_is_reported_once(api: Api):
    api.create(document(name="doubled"))
    with pytest.raises(Refused, match="Duplicate value"):
        api.patch_status(RETRIEVAL_SERVICE, "doubled", {"conditions": [CONDITION, CONDITION]})
