"""An operator of single namespaces serves these and nothing else, with the chart's Roles alone."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.chart.helm import rendered
from tests.cluster.api import INFERENCE_SERVICE, RETRIEVAL_SERVICE, condition, until
from tests.cluster.lab import Lab
from tests.cluster.nodes import cpu, whole
from tests.cluster.operated import CHILDREN, Operated, grant, service, wait_ready
from tests.cluster.process import answers
from tests.cluster.test_operator_ready import (
    test_a_component_that_is_taken_out_goes,
    test_a_deleted_service_leaves_nothing,
    test_a_restarted_operator_changes_nothing,
    test_a_second_apply_and_a_later_pass_change_nothing,
    test_a_service_becomes_ready,
    test_our_fields_are_repaired_and_foreign_ones_left,
)

__all__ = [
    "test_a_component_that_is_taken_out_goes",
    "test_a_deleted_service_leaves_nothing",
    "test_a_restarted_operator_changes_nothing",
    "test_a_second_apply_and_a_later_pass_change_nothing",
    "test_a_service_becomes_ready",
    "test_our_fields_are_repaired_and_foreign_ones_left",
]
"""What every operator does is run again, by the small one."""

PLACES = ("one-place", "other-place")
OURS = "app.kubernetes.io/managed-by=retrieval-operator"


@pytest.fixture(scope="module")
def places(lab: Lab) -> Iterator[None]:
    """Two namespaces that are served, and one that is not."""
    for name in (*PLACES, "elsewhere"):
        lab.api.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield
    lab.api.delete(RETRIEVAL_SERVICE, "docs", "elsewhere")
    for name in (*PLACES, "elsewhere"):
        lab.api.delete("v1/Namespace", name)


def installed(lab: Lab, name: str, **rbac: bool) -> Iterator[Operated]:
    """An operator with what the chart grants for these namespaces, under a name of its own."""
    settings = {"namespaces": PLACES, "leaseName": name}
    values = {"fullnameOverride": name, "operator": settings, "rbac": rbac}
    rights = grant(lab, rendered(values))
    running = Operated(
        lab,
        name,
        account=name,
        namespaces=",".join(PLACES),
        lease_name=name,
        node_debounce_seconds="0.5",
    )
    running.start()
    yield running
    running.stop()
    for one in rights:
        kind = f"{one['apiVersion']}/{one['kind']}"
        lab.api.delete(kind, one["metadata"]["name"], one["metadata"].get("namespace", "default"))


@pytest.fixture(scope="module")
def operator(
    lab: Lab,
    operator: Operated,
    places: None,  # noqa: ARG001 - they have to be there
) -> Iterator[Operated]:
    """The small operator; that of the whole cluster rests meanwhile."""
    operator.stop()
    yield from installed(lab, "small")
    operator.start()


@pytest.fixture
def blind(lab: Lab, operator: Operated) -> Iterator[Operated]:
    """One that may not even see nodes, so that all its rights are Roles."""
    operator.stop()
    yield from installed(lab, "blind", nodes=False)
    operator.start()


@pytest.fixture
def namespace(lab: Lab, operator: Operated) -> Iterator[str]:  # noqa: ARG001 - it has to clean up
    """The first place, empty again afterwards."""
    (name, _) = PLACES
    yield name
    for one in lab.api.list(RETRIEVAL_SERVICE, name):
        lab.api.delete(RETRIEVAL_SERVICE, one["metadata"]["name"], name)
    until(lambda: not any(lab.api.list(kind, name, OURS) for kind in CHILDREN), "all is gone")


def log(lab: Lab, name: str) -> str:
    return (lab.folder / f"{name}.log").read_text()


def test_it_serves_its_namespaces_and_no_other(lab, operator, namespace, nodes):
    nodes(whole(count=2))
    for place in (*PLACES, "elsewhere"):
        lab.api.apply(service("docs", namespace) | at(place))
    for place in PLACES:
        wait_ready(lab, "docs", place)
    until(lambda: operator.metric("retrieval_operator_queue_depth") == 0, "nothing waits")
    assert not lab.api.list(INFERENCE_SERVICE, "elsewhere")
    assert "status" not in lab.api.get(RETRIEVAL_SERVICE, "docs", "elsewhere")
    assert answers(f"{operator.url}/healthz")
    lab.api.delete(RETRIEVAL_SERVICE, "docs", PLACES[1])
    assert "forbidden" not in log(lab, "small")


def test_without_nodes_a_cpu_is_assumed_and_a_gpu_has_to_be_described(lab, blind, namespace, nodes):
    nodes(whole(), cpu())
    told = {"gpu": {"memory": "20Gi"}}
    lab.api.apply(service("docs", namespace, embedder={"gpu": None}, reranker=told))
    found = wait_ready(lab, "docs", namespace)
    assert "fp32 on CPU" in condition(found, "PlanValid")["message"]
    assert answers(f"{blind.url}/healthz")
    refused = [line for line in log(lab, "blind").splitlines() if "forbidden" in line.lower()]
    assert refused
    assert all("nodes" in line for line in refused)


def at(place: str) -> dict[str, Any]:
    return {"metadata": {"name": "docs", "namespace": place}}
