"""What a cluster lacks is said before anything is applied."""

import pytest

from retrieval_operator.render import Context, doubts, impossible
from tests.support.rendering import service

PROMETHEUS = "http://prometheus.monitoring:9090"
WITH_KEDA = Context("image", frozenset({"keda.sh/v1alpha1"}), PROMETHEUS)
WITH_ADAPTER = Context("image", frozenset({"custom.metrics.k8s.io/v1beta2"}))
WITH_KNATIVE = Context("image", frozenset({"serving.knative.dev/v1"}))
BARE = Context("image")
SCALED = "embedder: {autoscaling: {minReplicas: 2, maxReplicas: 6}}"
CPU = "embedder: {autoscaling: {maxReplicas: 6, metric: CPU}}"
ASLEEP = "embedder: {autoscaling: {minReplicas: 0, maxReplicas: 2, wakeQuery: up}}"


@pytest.mark.parametrize("context", [BARE, WITH_ADAPTER], ids=["nothing", "an adapter"])
def test_scaling_to_zero_needs_keda(context):
    (found,) = impossible(service(ASLEEP), context)
    assert found.path == "spec.embedder.autoscaling.minReplicas"
    assert "install KEDA" in found.remedy
    assert impossible(service(ASLEEP), WITH_KEDA) == ()


def test_knative_mode_needs_knative():
    asked = service("{deploymentMode: Knative, embedder: {}}")
    (found,) = impossible(asked, BARE)
    assert found.path == "spec.deploymentMode"
    assert "not supported by this cluster" in str(found)
    assert impossible(asked, WITH_KNATIVE) == ()


@pytest.mark.parametrize(
    ("spec", "context", "count"),
    [
        (SCALED, BARE, 1),
        (SCALED, WITH_ADAPTER, 0),
        (SCALED, WITH_KEDA, 0),
        (CPU, BARE, 0),
        ("embedder: {}", BARE, 0),
    ],
    ids=["nobody measures", "an adapter", "KEDA", "cores", "no autoscaling"],
)
def test_an_autoscaler_that_nobody_feeds_is_spoken_of(spec, context, count):
    assert len(doubts(service(spec), context)) == count


@pytest.mark.parametrize(("letters", "count"), [(31, 0), (32, 1)])
def test_a_service_whose_host_kserve_cannot_make_is_refused(letters, count):
    asked = service("embedder: {}", name="a" * 12, namespace="n" * letters)
    found = impossible(asked, BARE)
    assert len(found) == count
    assert all("64 characters" in str(gap) for gap in found)
    dotted = Context("image", domain_template="{{.Name}}.{{.Namespace}}.{{.IngressDomain}}")
    assert impossible(asked, dotted) == ()
