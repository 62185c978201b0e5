"""A watch that breaks, lost its place or went silent hides nothing for long."""

from tests.cluster.api import INFERENCE_SERVICE, until
from tests.cluster.faults import gone
from tests.cluster.nodes import whole
from tests.cluster.operated import service, wait_ready
from tests.cluster.process import answers

KIND = "inferenceservices"


def ready(lab, namespace):
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)


def break_replicas(lab, namespace):
    change = {"spec": {"predictor": {"minReplicas": 3, "maxReplicas": 3}}}
    lab.api.patch(INFERENCE_SERVICE, "docs-embedder", change, namespace)


def wait_repaired(lab, namespace, limit_s=20.0):
    lab.api.wait_for(
        INFERENCE_SERVICE,
        "docs-embedder",
        lambda one: one["spec"]["predictor"]["minReplicas"] == 1,
        namespace=namespace,
        limit_s=limit_s,
    )


def test_an_edit_behind_broken_watches_is_repaired(lab, faults, namespace, nodes, took):
    nodes(whole())
    ready(lab, namespace)
    assert faults.cut_watches()
    break_replicas(lab, namespace)
    took("cut_s")
    wait_repaired(lab, namespace)
    took("repaired_s")


def test_a_deletion_that_a_watch_never_told_is_noticed_after_410(
    lab, faults, namespace, nodes, took
):
    """The only InferenceService of the cluster goes: the new listing is empty."""
    nodes(whole())
    ready(lab, namespace)
    before = lab.api.get(INFERENCE_SERVICE, "docs-embedder", namespace)["metadata"]["uid"]
    faults.freeze_watches()
    lab.api.delete(INFERENCE_SERVICE, "docs-embedder", namespace)
    lab.api.wait_gone(INFERENCE_SERVICE, "docs-embedder", namespace)
    faults.answer(gone, verb="watch", resource=KIND)
    faults.cut_watches()
    faults.heal_watches()
    took("gone_s")
    lab.api.wait_for(
        INFERENCE_SERVICE,
        "docs-embedder",
        lambda one: one["metadata"]["uid"] != before,
        namespace=namespace,
        limit_s=30,
    )
    took("made_again_s")


def test_every_watch_may_lose_its_place_at_once(lab, faults, namespace, nodes, took):
    nodes(whole())
    ready(lab, namespace)
    faults.answer(gone, times=20, verb="watch")
    faults.cut_watches()
    break_replicas(lab, namespace)
    took("gone_s")
    wait_repaired(lab, namespace, limit_s=40)
    took("repaired_s")


def test_silent_watches_are_opened_anew_or_turn_health_red(
    lab, operator, faults, namespace, nodes, took
):
    nodes(whole())
    ready(lab, namespace)
    opened = faults.count(verb="watch", resource=KIND)
    faults.freeze_watches()
    break_replicas(lab, namespace)
    took("frozen_s")
    until(
        lambda: (
            faults.count(verb="watch", resource=KIND) > opened
            or not answers(f"{operator.url}/healthz")
        ),
        "the silence is noticed",
        limit_s=45,
    )
    took("noticed_s")
    faults.heal()
    wait_repaired(lab, namespace)
    took("repaired_s")
