"""What `spec.canary` of the pinned KServe does in Standard mode, and why we do not use it.

A canary gets pods and a Service of its own, and no request: neither the predictor's Service nor an
Ingress knows of `trafficPercent`, and the pods that stay are made fewer. When a later KServe splits
traffic, the second test fails, and the decision is to be taken anew.
"""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.cluster.api import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    Document,
    Refused,
    is_ready,
    until,
)
from tests.cluster.inference import inference_service
from tests.cluster.lab import Lab
from tests.cluster.nodes import whole

STORED = {"name": "STORAGE_URI", "value": "hf://our-team/tuned"}


def with_canary(namespace: str, percent: int, replicas: int = 3) -> dict[str, Any]:
    """A service of several pods with a canary of another model."""
    found = inference_service("docs", namespace)
    predictor = found["spec"]["predictor"]
    predictor |= {"minReplicas": replicas, "maxReplicas": replicas}
    predictor["containers"][0]["env"] = [STORED]
    found["metadata"]["annotations"]["serving.kserve.io/autoscalerClass"] = "none"
    canary = copy.deepcopy(predictor) | {"name": "next"}
    del canary["minReplicas"], canary["maxReplicas"]
    found["spec"]["canary"] = [{"trafficPercent": percent, "predictor": canary}]
    return found


def is_canary_ready(document: Document) -> bool:
    found = (document.get("status") or {}).get("canaryStatuses") or ()
    return [one["ready"] for one in found] == [True]


def test_a_canary_takes_pods_from_those_that_answer(lab: Lab, namespace, nodes):
    nodes(whole(count=8))
    lab.api.apply(with_canary(namespace, percent=50))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_canary_ready, namespace=namespace)

    def replicas() -> dict[str, int]:
        return {
            one["metadata"]["name"]: one["spec"]["replicas"]
            for one in lab.api.list(DEPLOYMENT, namespace)
        }

    wanted = {"docs-next-predictor": 2, "docs-predictor": 1}
    until(lambda: replicas() == wanted, "the pods that answer are made fewer")


def test_no_request_reaches_a_canary(lab: Lab, namespace, nodes):
    nodes(whole(count=8))
    lab.api.apply(with_canary(namespace, percent=100))
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_canary_ready, namespace=namespace)
    lab.api.wait_for(INFERENCE_SERVICE, "docs", is_ready, namespace=namespace)
    services = {one["metadata"]["name"]: one for one in lab.api.list("v1/Service", namespace)}
    picked = services["docs-predictor"]["spec"]["selector"]
    labels = {
        one["metadata"]["name"]: one["spec"]["template"]["metadata"]["labels"]
        for one in lab.api.list(DEPLOYMENT, namespace)
    }
    assert picked.items() <= labels["docs-predictor"].items()
    assert not picked.items() <= labels["docs-next-predictor"].items()
    ingresses = lab.api.list("networking.k8s.io/v1/Ingress", namespace)
    assert "docs-next" not in repr([one["spec"] for one in ingresses])


def test_a_canary_of_what_kserve_does_not_fetch_is_refused(lab: Lab, namespace):
    found = with_canary(namespace, percent=10)
    for predictor in (found["spec"]["predictor"], found["spec"]["canary"][0]["predictor"]):
        predictor["containers"][0]["env"] = []
    with pytest.raises(Refused, match="canary requires a stable predictor with a model"):
        lab.api.apply(found)
