"""Builders for renderer tests: a service as YAML, rendered for an L4 and a CPU node."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import yaml

from retrieval_operator.facts import facts_for
from retrieval_operator.inventory import Inventory, Origin
from retrieval_operator.plan import Plan, Revision, ask_of, draft, plan
from retrieval_operator.render import Context, render
from retrieval_operator.spec import RetrievalService, parse
from tests.support.planning import cpu_node, gpu_node

NODES = Inventory((gpu_node(23034, "NVIDIA-L4", count=4), cpu_node()), Origin.CLUSTER)
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
        answer = plan(ask, facts_for(component), NODES)
        assert isinstance(answer, Plan), answer
        found[component.name] = answer
    return found


def drafts(found: Mapping[Any, Plan], image: str) -> dict[Any, Revision]:
    """The plans as revisions that are stored nowhere."""
    return {name: draft(one, image) for name, one in found.items()}


def manifests(
    spec: str,
    api_versions: frozenset[str] = frozenset(),
    prometheus_url: str | None = None,
    **metadata: Any,
) -> tuple[dict[str, Any], ...]:
    asked = service(spec, **metadata)
    context = Context("example/predictor:v1", api_versions, prometheus_url)
    return render(asked, drafts(plans(asked), context.image), context)


def of_kind(found: tuple[dict[str, Any], ...], kind: str) -> list[dict[str, Any]]:
    return [one for one in found if one["kind"] == kind]


def first(spec: str, kind: str = "InferenceService", **known: Any) -> dict[str, Any]:
    """The first manifest of a kind; `known` is what the cluster has, or metadata of the object."""
    return of_kind(manifests(spec, **known), kind)[0]


def predictor(spec: str) -> dict[str, Any]:
    """The predictor of the first component."""
    found: dict[str, Any] = first(spec)["spec"]["predictor"]
    return found


def container(spec: str) -> dict[str, Any]:
    found: dict[str, Any] = predictor(spec)["containers"][0]
    return found


def variables(spec: str) -> dict[str, Any]:
    """Environment of the predictor: name to value, or to its source."""
    return {one["name"]: one.get("value", one.get("valueFrom")) for one in container(spec)["env"]}
