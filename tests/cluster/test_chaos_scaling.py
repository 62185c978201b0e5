"""Autoscaling and monitoring objects follow what the cluster can do with them."""

from collections.abc import Iterator

import pytest

from tests.cluster.api import DEPLOYMENT, until
from tests.cluster.nodes import cpu
from tests.cluster.operated import service, wait_ready

HPA = "autoscaling/v2/HorizontalPodAutoscaler"
SCALED_OBJECT = "keda.sh/v1alpha1/ScaledObject"
POD_MONITOR = "monitoring.coreos.com/v1/PodMonitor"
PDB = "policy/v1/PodDisruptionBudget"
BOUNDS = {"minReplicas": 1, "maxReplicas": 4}
LOOK_S = 30.0
"""The operator looks every five seconds which kinds are served."""

pytestmark = pytest.mark.usefixtures("operator")


def definition(group: str, version: str, kind: str):
    """The smallest CustomResourceDefinition of a kind."""
    plural = f"{kind.lower()}s"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"{plural}.{group}"},
        "spec": {
            "group": group,
            "names": {"kind": kind, "plural": plural, "singular": kind.lower()},
            "scope": "Namespaced",
            "versions": [
                {
                    "name": version,
                    "served": True,
                    "storage": True,
                    "schema": {"openAPIV3Schema": schema},
                }
            ],
        },
    }


@pytest.fixture
def install(lab) -> Iterator:
    """Install a kind for this test."""
    made = []

    def one(group, version, kind):
        document = definition(group, version, kind)
        lab.api.apply(document)
        made.append(document["metadata"]["name"])
        until(lambda: lab.api.serves(f"{group}/{version}/{kind}"), f"{kind} is served")

    yield one
    for name in made:
        lab.api.delete("apiextensions.k8s.io/v1/CustomResourceDefinition", name)
        lab.api.wait_gone("apiextensions.k8s.io/v1/CustomResourceDefinition", name, limit_s=60.0)


def autoscaled(namespace, **wishes):
    document = service("docs", namespace, embedder={"autoscaling": {**BOUNDS, **wishes}})
    document["spec"]["embedder"].pop("gpu")
    return document


def test_replicas_that_an_autoscaler_sets_are_not_fought_over(lab, namespace, nodes, took):
    nodes(cpu())
    lab.api.apply(autoscaled(namespace, metric="CPU"))
    wait_ready(lab, "docs", namespace)
    took("ready_s")
    assert lab.api.find(HPA, "docs-embedder", namespace)["spec"]["maxReplicas"] == 4
    lab.api.patch(DEPLOYMENT, "docs-embedder-predictor", {"spec": {"replicas": 3}}, namespace)
    lab.api.wait_for(
        DEPLOYMENT,
        "docs-embedder-predictor",
        lambda one: one["status"].get("readyReplicas") == 3,
        namespace=namespace,
    )
    lab.api.wait_for(
        "retrieval.io/v1alpha1/RetrievalService",
        "docs",
        lambda one: one["status"]["components"]["embedder"]["ready"] == "3/3",
        namespace=namespace,
    )
    took("scaled_s")
    touched = {"metadata": {"annotations": {"touched": "1"}}}
    lab.api.patch("serving.kserve.io/v1beta1/InferenceService", "docs-embedder", touched, namespace)
    wait_ready(lab, "docs", namespace)
    found = lab.api.get(DEPLOYMENT, "docs-embedder-predictor", namespace)
    assert found["spec"]["replicas"] == 3


def test_keda_takes_over_where_it_is_installed_and_gives_back(lab, namespace, nodes, install, took):
    nodes(cpu())
    lab.api.apply(autoscaled(namespace))
    wait_ready(lab, "docs", namespace)
    assert lab.api.find(HPA, "docs-embedder", namespace)
    install("keda.sh", "v1alpha1", "ScaledObject")
    took("installed_s")
    until(lambda: lab.api.find(SCALED_OBJECT, "docs-embedder", namespace), "KEDA's object", LOOK_S)
    took("scaled_by_keda_s")
    until(lambda: not lab.api.find(HPA, "docs-embedder", namespace), "the HPA is gone")
    lab.api.delete("apiextensions.k8s.io/v1/CustomResourceDefinition", "scaledobjects.keda.sh")
    until(lambda: lab.api.find(HPA, "docs-embedder", namespace), "the HPA is back", LOOK_S)
    took("scaled_by_hpa_s")
    wait_ready(lab, "docs", namespace)


def test_a_pod_monitor_appears_once_its_kind_does(lab, namespace, nodes, install, took):
    """Others use the group already: a group alone says nothing about a kind."""
    nodes(cpu())
    install("monitoring.coreos.com", "v1", "ServiceMonitor")
    lab.api.apply(service("docs", namespace, embedder={"gpu": None}))
    wait_ready(lab, "docs", namespace)
    took("ready_s")
    install("monitoring.coreos.com", "v1", "PodMonitor")
    until(lambda: lab.api.find(POD_MONITOR, "docs", namespace), "the PodMonitor", LOOK_S)
    took("monitored_s")


def test_several_pods_have_a_disruption_budget_and_one_has_none(lab, namespace, nodes):
    nodes(cpu())
    lab.api.apply(service("docs", namespace, embedder={"gpu": None, "replicas": 2}))
    wait_ready(lab, "docs", namespace)
    assert lab.api.find(PDB, "docs-embedder", namespace)
    lab.api.apply(service("docs", namespace, embedder={"gpu": None, "replicas": 1}))
    until(lambda: not lab.api.find(PDB, "docs-embedder", namespace), "the budget is gone")
    wait_ready(lab, "docs", namespace)
