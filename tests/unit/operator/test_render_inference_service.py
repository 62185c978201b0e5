"""What KServe is asked to run."""

import pytest

from tests.support.rendering import (
    POD_MONITORS,
    container,
    first,
    manifests,
    of_kind,
    predictor,
    service,
)

GPU = "embedder: {model: {uri: 'hf://BAAI/bge-large-en-v1.5'}, gpu: {}}"
CPU = "embedder: {}"


def test_each_component_is_an_inference_service_then_the_monitor_follows():
    found = manifests("{embedder: {}, reranker: {}}", POD_MONITORS)
    assert [(one["kind"], one["metadata"]["name"]) for one in found] == [
        ("ConfigMap", "docs-embedder-limits"),
        ("InferenceService", "docs-embedder"),
        ("ConfigMap", "docs-reranker-limits"),
        ("InferenceService", "docs-reranker"),
        ("PodMonitor", "docs"),
    ]


def test_without_the_api_there_is_no_monitor():
    assert [one["kind"] for one in manifests(CPU)] == ["ConfigMap", "InferenceService"]


def test_a_monitor_that_is_not_wanted_is_not_made():
    spec = "{embedder: {}, monitoring: {podMonitor: {enabled: false}}}"
    assert of_kind(manifests(spec, POD_MONITORS), "PodMonitor") == []


def test_a_monitor_selects_the_pods_of_its_service_only():
    monitor = manifests(CPU, POD_MONITORS)[-1]
    assert monitor["spec"]["selector"]["matchLabels"]["app.kubernetes.io/instance"] == "docs"
    predictor_labels = manifests(CPU)[0]["metadata"]["labels"]
    assert monitor["spec"]["selector"]["matchLabels"].items() <= predictor_labels.items()


def test_the_object_owns_what_is_rendered_for_it():
    for one in manifests(CPU, POD_MONITORS, uid="u-1"):
        (owner,) = one["metadata"]["ownerReferences"]
        assert (owner["kind"], owner["name"], owner["uid"]) == ("RetrievalService", "docs", "u-1")


def test_an_object_that_is_in_no_cluster_owns_nothing():
    assert "ownerReferences" not in manifests(CPU)[0]["metadata"]


def test_kserve_scales_nothing_and_stays_in_standard_mode():
    isvc = first(CPU)
    annotations = isvc["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Standard"
    assert annotations["serving.kserve.io/autoscalerClass"] == "none"
    assert isvc["metadata"]["labels"]["networking.kserve.io/visibility"] == "cluster-local"


def test_suspending_stops_the_service_and_resuming_removes_the_mark():
    stop = "serving.kserve.io/stop"
    assert first("{suspend: true, embedder: {}}")["metadata"]["annotations"][stop] == "true"
    assert stop not in first(CPU)["metadata"]["annotations"]


def test_replicas_are_fixed():
    found = predictor("embedder: {replicas: 3}")
    assert (found["minReplicas"], found["maxReplicas"]) == (3, 3)


@pytest.mark.parametrize(
    ("spec", "strategy"),
    [
        (GPU, {"maxSurge": 0, "maxUnavailable": 1}),
        (CPU, {"maxSurge": 1, "maxUnavailable": 0}),
        (
            GPU.replace("gpu:", "rollout: {strategy: Surge}, gpu:"),
            {"maxSurge": 1, "maxUnavailable": 0},
        ),
    ],
    ids=["a GPU is freed first", "a CPU pod surges", "surge as asked"],
)
def test_a_rollout_needs_no_spare_gpu(spec, strategy):
    found = predictor(spec)["deploymentStrategy"]
    assert found == {"type": "RollingUpdate", "rollingUpdate": strategy}


def test_recreate_stops_every_old_pod_first():
    found = predictor("embedder: {rollout: {strategy: Recreate}}")["deploymentStrategy"]
    assert found == {"type": "Recreate"}


def test_the_first_container_has_the_name_kserve_looks_for():
    assert container(CPU)["name"] == "kserve-container"


def test_requests_and_limits_are_always_set_and_canonical():
    resources = container(GPU)["resources"]
    assert resources["requests"] == resources["limits"]
    assert resources["limits"]["nvidia.com/gpu"] == "1"
    assert resources["limits"]["memory"][-2:] in {"Mi", "Gi"}


@pytest.mark.parametrize(
    ("written", "rendered"),
    [("2048Mi", "2Gi"), ("5000M", "5G"), ("6442450944", "6Gi"), ("6.5Gi", "6656Mi")],
)
def test_quantities_are_written_as_the_api_server_prints_them(written, rendered):
    spec = f"embedder: {{resources: {{requests: {{memory: '{written}', cpu: 1500m}}}}}}"
    resources = container(spec)["resources"]
    assert resources["requests"]["memory"] == rendered
    assert resources["requests"]["cpu"] == "1500m"


def test_a_slice_is_requested_by_its_own_name():
    from tests.golden.write import CASES, rendered  # noqa: PLC0415

    (case,) = (case for case in CASES if case.name == "mig-slice")
    assert "nvidia.com/mig-1g.10gb: '1'" in rendered(case)


def test_probes_ask_for_the_model_by_the_name_on_the_wire():
    found = container("embedder: {servedName: e5, startupTimeoutSeconds: 61}")
    assert found["startupProbe"]["httpGet"]["path"] == "/v2/models/e5/ready"
    assert found["readinessProbe"]["httpGet"]["path"] == "/v2/models/e5/ready"
    assert found["livenessProbe"]["httpGet"]["path"] == "/v2/health/live"
    startup = found["startupProbe"]
    assert startup["failureThreshold"] * startup["periodSeconds"] == 65


def test_the_pod_runs_under_the_restricted_profile():
    found = predictor(CPU)
    security = found["containers"][0]["securityContext"]
    assert found["securityContext"]["runAsNonRoot"] is True
    assert found["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["readOnlyRootFilesystem"] is True
    assert security["allowPrivilegeEscalation"] is False
    assert security["capabilities"] == {"drop": ["ALL"]}
    assert found["automountServiceAccountToken"] is False


def test_every_folder_that_is_written_to_is_a_volume():
    mounts = {one["mountPath"] for one in container(CPU)["volumeMounts"]}
    assert mounts == {"/tmp", "/run/retrieval", "/etc/retrieval/limits"}


def test_the_grace_period_outlasts_the_drain():
    env = {one["name"]: one.get("value") for one in container(CPU)["env"]}
    assert (
        predictor(CPU)["terminationGracePeriodSeconds"] > int(env["RETRIEVAL_DRAIN_DELAY_S"]) + 30
    )


def test_the_digest_of_the_plan_is_stamped():
    found = first(GPU)["metadata"]["annotations"]["retrieval.io/plan-digest"]
    slower = GPU.replace("gpu:", "precision: fp32, gpu:")
    assert found != first(slower)["metadata"]["annotations"]["retrieval.io/plan-digest"]


def test_a_component_without_a_plan_is_left_alone():
    from retrieval_operator.render import Context, render  # noqa: PLC0415

    assert render(service("{embedder: {}}"), {}, Context("image")) == ()
