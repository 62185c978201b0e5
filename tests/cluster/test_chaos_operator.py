"""The operator dies at the worst moment, or is away: the next one makes it good."""

import pytest

from tests.cluster.api import INFERENCE_SERVICE, POD, RETRIEVAL_SERVICE, until
from tests.cluster.faults import hang
from tests.cluster.nodes import whole
from tests.cluster.operated import CHILDREN, children, service, wait_ready

BOTH: dict[str, dict[str, object]] = {"embedder": {}, "reranker": {}}
OURS = "app.kubernetes.io/managed-by=retrieval-operator"


@pytest.fixture(autouse=True)
def started(operator):
    """A test may stop the operator; the next one finds it running."""
    operator.start()
    yield
    operator.start()


def owners(lab, namespace):
    return {
        reference["uid"]
        for kind in CHILDREN
        for one in lab.api.list(kind, namespace, OURS)
        for reference in one["metadata"].get("ownerReferences", ())
    }


def test_a_pass_that_was_killed_half_way_is_finished_by_the_next_operator(
    lab, operator, faults, namespace, nodes, took
):
    nodes(whole(count=2))
    faults.answer(hang, verb="patch", resource="inferenceservices", name="docs-reranker")
    lab.api.apply(service("docs", namespace, **BOTH))
    until(
        lambda: faults.count(verb="patch", name="docs-reranker", namespace=namespace),
        "the pass is half way",
    )
    operator.server.kill()
    assert lab.api.find(INFERENCE_SERVICE, "docs-embedder", namespace)
    assert not lab.api.find(INFERENCE_SERVICE, "docs-reranker", namespace)
    faults.heal()
    took("killed_s")
    operator.start()
    wait_ready(lab, "docs", namespace)
    took("ready_after_restart_s")


def test_what_is_deleted_while_no_operator_runs_leaves_nothing(
    lab, operator, namespace, nodes, took
):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    operator.stop()
    lab.api.delete(RETRIEVAL_SERVICE, "docs", namespace)
    until(lambda: not children(lab, namespace), "everything of it is gone")
    until(lambda: not lab.api.list(POD, namespace), "its pods are gone")
    took("gone_s")
    operator.start()
    until(lambda: operator.metric("retrieval_operator_leader") == 1, "it leads")
    assert not children(lab, namespace)


def test_a_service_that_was_made_anew_under_its_name_owns_new_objects(
    lab, operator, namespace, nodes, took
):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    operator.stop()
    lab.api.delete(RETRIEVAL_SERVICE, "docs", namespace)
    lab.api.wait_gone(RETRIEVAL_SERVICE, "docs", namespace)
    again = lab.api.apply(service("docs", namespace, embedder={}))
    operator.start()
    took("restarted_s")
    wait_ready(lab, "docs", namespace)
    until(lambda: owners(lab, namespace) == {again["metadata"]["uid"]}, "only the new one owns")
    took("ready_s")
    assert not lab.api.find(INFERENCE_SERVICE, "docs-reranker", namespace)


def test_a_service_deleted_and_made_anew_at_once_becomes_ready(lab, namespace, nodes, took):
    nodes(whole(count=2))
    lab.api.apply(service("docs", namespace, **BOTH))
    wait_ready(lab, "docs", namespace)
    lab.api.delete(RETRIEVAL_SERVICE, "docs", namespace)
    again = lab.api.apply(service("docs", namespace, **BOTH))
    took("remade_s")
    wait_ready(lab, "docs", namespace)
    until(lambda: owners(lab, namespace) == {again["metadata"]["uid"]}, "only the new one owns")
    took("ready_s")
