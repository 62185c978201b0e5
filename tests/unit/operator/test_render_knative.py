"""Knative mode: only what a revision takes, and no autoscaler of ours."""

from tests.support.rendering import POD_MONITORS, first, manifests, plans, service

KNATIVE = "{deploymentMode: Knative, embedder: {startupTimeoutSeconds: 900}}"
SCALED = "{deploymentMode: Knative, embedder: {autoscaling: {minReplicas: 0, maxReplicas: 3}}}"


def test_the_mode_is_asked_for_and_a_slow_start_is_allowed():
    annotations = first(KNATIVE)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/deploymentMode"] == "Knative"
    assert annotations["serving.knative.dev/progress-deadline"] == "900s"
    assert "serving.kserve.io/autoscalerClass" not in annotations


def test_a_revision_has_one_port_and_its_probes_use_it():
    (container,) = first(KNATIVE)["spec"]["predictor"]["containers"]
    assert container["ports"] == [{"name": "http1", "containerPort": 8080, "protocol": "TCP"}]
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        assert container[probe]["httpGet"]["port"] == 8080


def test_fields_that_a_revision_refuses_are_absent():
    predictor = first(KNATIVE)["spec"]["predictor"]
    for field in ("deploymentStrategy", "terminationGracePeriodSeconds", "securityContext"):
        assert field not in predictor


def test_the_container_runs_under_the_restricted_profile_by_itself():
    (container,) = first(KNATIVE)["spec"]["predictor"]["containers"]
    security = container["securityContext"]
    assert security["runAsNonRoot"] is True
    assert security["seccompProfile"] == {"type": "RuntimeDefault"}
    assert security["capabilities"] == {"drop": ["ALL"]}


def test_replicas_without_autoscaling_are_fixed():
    predictor = first(KNATIVE)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (1, 1)
    assert "scaleMetric" not in predictor


def test_knative_scales_by_concurrent_requests_even_to_zero():
    predictor = first(SCALED)["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (0, 3)
    assert predictor["scaleMetric"] == "concurrency"
    assert predictor["containerConcurrency"] == 0
    (plan,) = plans(service(SCALED)).values()
    assert predictor["scaleTarget"] == round(plan.estimate.texts_per_s * 0.2)


def test_a_target_that_is_set_is_used():
    predictor = first(SCALED.replace("3}", "3, target: 12}"))["spec"]["predictor"]
    assert predictor["scaleTarget"] == 12


def test_nothing_of_ours_scales_or_protects_revisions():
    kinds = [one["kind"] for one in manifests(SCALED, POD_MONITORS)]
    assert kinds == ["ConfigMap", "InferenceService", "PodMonitor"]


def test_the_monitor_asks_the_port_by_knative_s_name():
    (endpoint,) = first(KNATIVE, "PodMonitor", api_versions=POD_MONITORS)["spec"][
        "podMetricsEndpoints"
    ]
    assert endpoint["port"] == "user-port"


def test_an_external_service_has_no_local_label():
    label = "networking.kserve.io/visibility"
    spec = "{embedder: {}, expose: {visibility: External}}"
    assert label not in first(spec)["metadata"]["labels"]
    assert first("embedder: {}")["metadata"]["labels"][label] == "cluster-local"
