"""Limits of batch and queue reach running pods without a restart."""

import json

import pytest

from tests.support.rendering import container, first, predictor

PLANNED = "embedder: {model: {uri: 'hf://BAAI/bge-large-en-v1.5'}, gpu: {}}"


def limited(**limits: int) -> str:
    return PLANNED.replace("gpu:", f"batching: {json.dumps(limits)}, gpu:")


LOWER = {
    "maxBatchTokens": 1024,
    "maxBatchSize": 16,
    "maxQueueTokens": 8192,
    "maxQueueDelayMilliseconds": 2,
}


def limits_of(spec: str) -> dict[str, int]:
    found: dict[str, int] = json.loads(first(spec, "ConfigMap")["data"]["limits.json"])
    return found


def test_the_limits_in_force_are_in_the_file():
    assert limits_of(limited(**LOWER)) == {**LOWER, "maxQueueWaitMilliseconds": 2500}


def test_planned_limits_are_in_the_file_too():
    found = limits_of(PLANNED)
    assert found.keys() == {*LOWER, "maxQueueWaitMilliseconds"}
    assert (found["maxQueueDelayMilliseconds"], found["maxQueueWaitMilliseconds"]) == (0, 2500)
    assert found["maxBatchTokens"] > LOWER["maxBatchTokens"]


@pytest.mark.parametrize("name", LOWER)
def test_a_lower_limit_changes_nothing_that_restarts_a_pod(name):
    assert first(limited(**{name: LOWER[name]})) == first(PLANNED)


def test_a_limit_beyond_what_the_pod_was_sized_for_restarts_it():
    assert first(limited(maxBatchTokens=65_536)) != first(PLANNED)


def test_an_objective_shortens_the_wait_without_a_restart():
    strict = f"{PLANNED}\nobjective: {{requestsPerBurst: 100, withinSeconds: 1}}"
    assert limits_of(strict)["maxQueueWaitMilliseconds"] == 833
    assert first(strict) == first(PLANNED)


def test_a_pod_starts_with_the_largest_limits_it_may_be_given():
    variables = {one["name"]: one.get("value") for one in container(limited(**LOWER))["env"]}
    assert int(variables["RETRIEVAL_BATCHING__MAX_BATCH_TOKENS"]) > LOWER["maxBatchTokens"]
    assert variables["RETRIEVAL_LIMITS_FILE"] == "/etc/retrieval/limits/limits.json"


def test_the_file_is_mounted_as_a_folder_so_that_it_is_updated():
    found = predictor(PLANNED)
    (mount,) = [one for one in found["containers"][0]["volumeMounts"] if one["name"] == "limits"]
    assert mount == {"name": "limits", "mountPath": "/etc/retrieval/limits", "readOnly": True}
    (volume,) = [one for one in found["volumes"] if one["name"] == "limits"]
    assert volume["configMap"]["name"] == first(PLANNED, "ConfigMap")["metadata"]["name"]
