"""The number of pods follows the load, by an autoscaler that is ours."""

from tests.support.rendering import first, manifests, of_kind

KEDA = frozenset({"keda.sh/v1alpha1"})
PROMETHEUS = "http://prometheus.monitoring:9090"
SCALED = "embedder: {autoscaling: {minReplicas: 2, maxReplicas: 6}}"
CPU = "embedder: {autoscaling: {maxReplicas: 6, metric: CPU, target: 700m}}"
ASLEEP = "embedder: {autoscaling: {minReplicas: 0, maxReplicas: 2, wakeQuery: 'sum(rate(gw[1m]))'}}"


def scaled_object(spec: str) -> dict:
    return first(spec, "ScaledObject", api_versions=KEDA, prometheus_url=PROMETHEUS)


def test_without_autoscaling_there_is_no_autoscaler():
    kinds = {one["kind"] for one in manifests("embedder: {replicas: 3}", KEDA)}
    assert kinds == {"ConfigMap", "InferenceService", "PodDisruptionBudget"}


def test_kserve_is_told_to_leave_scaling_alone():
    found = first(SCALED)
    assert found["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] == "external"
    predictor = found["spec"]["predictor"]
    assert (predictor["minReplicas"], predictor["maxReplicas"]) == (2, 6)


def test_the_wait_before_a_forward_pass_is_what_is_followed():
    spec = first(SCALED, "HorizontalPodAutoscaler")["spec"]
    assert spec["scaleTargetRef"] == {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "name": "docs-embedder-predictor",
    }
    assert (spec["minReplicas"], spec["maxReplicas"]) == (2, 6)
    (metric,) = spec["metrics"]
    assert metric["pods"]["metric"]["name"] == "retrieval_queue_wait_seconds"
    assert metric["pods"]["target"] == {"type": "AverageValue", "averageValue": "200m"}


def test_cores_are_followed_where_there_is_no_prometheus():
    (metric,) = first(CPU, "HorizontalPodAutoscaler")["spec"]["metrics"]
    target = {"type": "AverageValue", "averageValue": "2800m"}
    assert metric == {"type": "Resource", "resource": {"name": "cpu", "target": target}}


def test_growth_is_bounded_and_shrinking_slow_unless_the_author_says_otherwise():
    behavior = first(SCALED, "HorizontalPodAutoscaler")["spec"]["behavior"]
    assert behavior["scaleDown"]["stabilizationWindowSeconds"] == 600
    own = SCALED.replace("6}", "6, behavior: {scaleDown: {stabilizationWindowSeconds: 60}}}")
    written = first(own, "HorizontalPodAutoscaler")["spec"]["behavior"]
    assert written == {"scaleDown": {"stabilizationWindowSeconds": 60}}


def test_where_there_is_keda_it_asks_prometheus_itself():
    found = scaled_object(SCALED)
    (trigger,) = found["spec"]["triggers"]
    assert trigger["metadata"]["serverAddress"] == PROMETHEUS
    assert trigger["metadata"]["threshold"] == "0.2"
    assert trigger["metricType"] == "Value"
    query = trigger["metadata"]["query"]
    assert 'namespace="search",pod=~"docs-embedder-predictor-.*"' in query
    assert (found["spec"]["minReplicaCount"], found["spec"]["maxReplicaCount"]) == (2, 6)
    assert of_kind(manifests(SCALED, KEDA, PROMETHEUS), "HorizontalPodAutoscaler") == []


def test_keda_without_a_known_prometheus_is_not_used():
    assert of_kind(manifests(SCALED, KEDA), "ScaledObject") == []


def test_cores_need_no_keda():
    assert of_kind(manifests(CPU, KEDA, PROMETHEUS), "ScaledObject") == []


def test_a_query_of_the_author_wakes_a_service_and_never_sizes_it():
    found = scaled_object(ASLEEP)["spec"]
    assert found["minReplicaCount"] == 0
    _, wake = found["triggers"]
    assert wake["metadata"]["query"] == "sum(rate(gw[1m]))"
    assert float(wake["metadata"]["threshold"]) >= 1e9
    assert wake["metadata"]["activationThreshold"] == "0"


def test_kserve_keeps_a_pod_s_worth_of_scale_while_the_service_sleeps():
    assert first(ASLEEP)["spec"]["predictor"]["minReplicas"] == 1


def test_a_suspended_service_is_not_scaled():
    kinds = {one["kind"] for one in manifests("{suspend: true, " + SCALED + "}", KEDA, PROMETHEUS)}
    assert kinds == {"ConfigMap", "InferenceService"}
