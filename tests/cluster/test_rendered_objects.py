"""What is rendered is what an API server and KServe take, as it stands, and do not change again."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.cluster.api import DEPLOYMENT, INFERENCE_SERVICE, Document
from tests.cluster.lab import Lab
from tests.golden.write import CASES, rendered

HPA = "autoscaling/v2/HorizontalPodAutoscaler"
ADD_ONS = ("monitoring.coreos.com/v1", "keda.sh/v1alpha1")
"""Kinds that this cluster does not have."""


def manifests(name: str, namespace: str) -> list[dict[str, Any]]:
    """A golden case in a namespace of this test; what owns it is not in the cluster."""
    (case,) = (case for case in CASES if case.name == name)
    found = [one for one in yaml.safe_load_all(rendered(case)) if one["apiVersion"] not in ADD_ONS]
    for one in found:
        one["metadata"] |= {"namespace": namespace}
        one["metadata"].pop("ownerReferences", None)
    return found


def version(document: Document) -> str:
    """Changes with the object, and not with a status that its controller writes.

    An autoscaler has a status and no generation, a ConfigMap has neither.
    """
    metadata = document["metadata"]
    return str(metadata.get("generation") or document.get("spec") or metadata["resourceVersion"])


@pytest.mark.parametrize("case", [case.name for case in CASES])
def test_every_object_is_taken_and_a_second_apply_changes_nothing(lab: Lab, namespace, case):
    documents = manifests(case, namespace)
    for document in documents:
        lab.api.apply(document)
    lab.api.wait_for(
        INFERENCE_SERVICE,
        documents[1]["metadata"]["name"],
        lambda one: "finalizers" in one["metadata"],
        namespace=namespace,
    )
    for document in documents:
        assert version(lab.api.apply(document)) == version(lab.api.apply(document))


def test_the_least_pods_need_no_metric(lab: Lab, namespace):
    for document in manifests("autoscaled", namespace):
        lab.api.apply(document)
    name = "docs-reranker-predictor"
    lab.api.wait_for(DEPLOYMENT, name, lambda one: one["spec"], namespace=namespace)
    lab.api.wait_for(
        DEPLOYMENT, name, lambda one: one["spec"]["replicas"] == 2, namespace=namespace, limit_s=120
    )


def test_kserve_adds_no_autoscaler(lab: Lab, namespace):
    documents = manifests("autoscaled", namespace)
    for document in documents:
        if document["kind"] != "HorizontalPodAutoscaler":
            lab.api.apply(document)
    name = "docs-embedder-predictor"
    lab.api.wait_for(DEPLOYMENT, name, lambda one: one["spec"], namespace=namespace)
    assert lab.api.find(HPA, name, namespace) is None
