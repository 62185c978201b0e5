"""A drain takes one pod of a component at a time."""

import pytest

from tests.support.rendering import first, manifests, of_kind


@pytest.mark.parametrize(
    ("spec", "count"),
    [
        ("embedder: {}", 0),
        ("embedder: {replicas: 2}", 1),
        ("embedder: {autoscaling: {maxReplicas: 4}}", 1),
        ("embedder: {autoscaling: {maxReplicas: 1}}", 0),
        ("{embedder: {replicas: 2}, reranker: {replicas: 3}}", 2),
        ("{suspend: true, embedder: {replicas: 2}}", 0),
        ("{deploymentMode: Knative, embedder: {replicas: 2}}", 0),
    ],
)
def test_only_what_has_several_pods_has_a_budget(spec, count):
    assert len(of_kind(manifests(spec), "PodDisruptionBudget")) == count


def test_a_budget_counts_the_pods_of_its_component_only():
    found = first("{embedder: {replicas: 2}, reranker: {}}", "PodDisruptionBudget")
    picked = found["spec"]["selector"]["matchLabels"]
    embedder, reranker = of_kind(
        manifests("{embedder: {replicas: 2}, reranker: {}}"), "InferenceService"
    )
    assert picked.items() <= embedder["metadata"]["labels"].items()
    assert not picked.items() <= reranker["metadata"]["labels"].items()
    assert found["spec"]["maxUnavailable"] == 1
