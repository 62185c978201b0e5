"""Builders for renderer tests: a service as YAML, rendered for an L4 and a CPU node."""

from __future__ import annotations

from typing import Any

import yaml

from retrieval_operator.facts import facts_of
from retrieval_operator.inventory import Inventory, Origin
from retrieval_operator.plan import Plan, ask_of, plan
from retrieval_operator.render import Context, render
from retrieval_operator.spec import RetrievalService, parse
from tests.support.planning import cpu_node, gpu_node

NODES = Inventory((gpu_node(23034, "NVIDIA-L4"), cpu_node()), Origin.CLUSTER)
POD_MONITORS = frozenset({"monitoring.coreos.com/v1"})


def service(spec: str, **metadata: Any) -> RetrievalService:
    """A RetrievalService from the YAML of its spec."""
    return parse(
        {
            "apiVersion": "retrieval.io/v1alpha1",
            "kind": "RetrievalService",
            "metadata": {"name": "docs", "namespace": "search", **metadata},
            "spec": yaml.safe_load(spec),
        }
    )


def plans(of: RetrievalService) -> dict[Any, Plan]:
    found = {}
    for component in of.spec.components:
        ask = ask_of(of.spec, component)
        answer = plan(ask, facts_of(ask.uri), NODES)
        assert isinstance(answer, Plan), answer
        found[component.name] = answer
    return found


def manifests(
    spec: str, api_versions: frozenset[str] = frozenset(), **metadata: Any
) -> tuple[dict[str, Any], ...]:
    asked = service(spec, **metadata)
    return render(asked, plans(asked), Context("example/predictor:v1", api_versions))


def predictor(spec: str) -> dict[str, Any]:
    """The predictor of the first component."""
    found: dict[str, Any] = manifests(spec)[0]["spec"]["predictor"]
    return found


def container(spec: str) -> dict[str, Any]:
    found: dict[str, Any] = predictor(spec)["containers"][0]
    return found


def variables(spec: str) -> dict[str, Any]:
    """Environment of the predictor: name to value, or to its source."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(spec)["env"]}
