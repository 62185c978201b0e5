"""Somebody else writes to our objects again and again: we hold our fields without racing them."""

import threading
import time

import pytest

from tests.cluster.api import INFERENCE_SERVICE, NotInTime, Refused
from tests.cluster.nodes import whole
from tests.cluster.operated import service, wait_ready

SPELL_S = 8.0

pytestmark = pytest.mark.usefixtures("operator")


class Vandal(threading.Thread):
    """Sets a field of ours back as soon as it is repaired, until told to stop."""

    def __init__(self, lab, namespace):
        super().__init__(daemon=True)
        self.lab, self.namespace = lab, namespace
        self.is_over = threading.Event()
        self.writes = 0

    def run(self):
        change = {"spec": {"predictor": {"minReplicas": 2, "maxReplicas": 2}}}
        while not self.is_over.is_set():
            try:
                self.lab.api.patch(INFERENCE_SERVICE, "docs-embedder", change, self.namespace)
                self.writes += 1
                self.lab.api.wait_for(
                    INFERENCE_SERVICE,
                    "docs-embedder",
                    lambda one: one["spec"]["predictor"]["minReplicas"] == 1,
                    namespace=self.namespace,
                    limit_s=1.0,
                )
            except (NotInTime, Refused):
                continue


def test_a_writer_that_never_gives_up_is_answered_at_a_low_rate(
    lab, faults, namespace, nodes, took
):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    vandal = Vandal(lab, namespace)
    vandal.start()
    time.sleep(1.0)
    before = faults.count(verb="patch", namespace=namespace)
    time.sleep(SPELL_S)
    rate = (faults.count(verb="patch", namespace=namespace) - before) / SPELL_S
    vandal.is_over.set()
    vandal.join()
    took(f"fought_at_{rate:.2f}_writes_a_second_s")
    assert rate <= 2.0
    lab.api.wait_for(
        INFERENCE_SERVICE,
        "docs-embedder",
        lambda one: one["spec"]["predictor"]["minReplicas"] == 1,
        namespace=namespace,
        limit_s=40,
    )
    wait_ready(lab, "docs", namespace)
    took("settled_s")


def test_labels_of_others_survive_and_ours_come_back(lab, namespace, nodes, took):
    nodes(whole())
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    theirs = {"app.kubernetes.io/managed-by": "somebody", "team": "search"}
    change = {"metadata": {"labels": theirs, "annotations": {"note": "kept"}}}
    lab.api.patch(INFERENCE_SERVICE, "docs-embedder", change, namespace)
    took("edited_s")
    found = lab.api.wait_for(
        INFERENCE_SERVICE,
        "docs-embedder",
        lambda one: (
            one["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "retrieval-operator"
        ),
        namespace=namespace,
    )
    took("repaired_s")
    assert found["metadata"]["labels"]["team"] == "search"
    assert found["metadata"]["annotations"]["note"] == "kept"
