"""A pod that has a node and gets no container is explained by its latest event."""

from datetime import timedelta

import pytest

from retrieval_operator.observe import TroubleKind, hindrance, longest_starting
from retrieval_operator.runtime.workqueue import Done
from tests.support.operating import NOW, Bench, container, deployment, pod

MOUNT = 'MountVolume.SetUp failed for volume "keys" : secret "docs-keys" not found'


def starting(name="docs-embedder-1", since="2026-01-02T03:04:05Z"):
    scheduled = {"type": "PodScheduled", "status": "True", "lastTransitionTime": since}
    return pod(
        name,
        phase="Pending",
        conditions=[scheduled, {"type": "Ready", "status": "False"}],
        containerStatuses=[container(state={"waiting": {"reason": "ContainerCreating"}})],
    )


def told(reason, note, at):
    return {"reason": reason, "note": note, "deprecatedLastTimestamp": at}


def test_a_pod_is_given_ten_seconds():
    assert longest_starting([starting()], NOW + timedelta(seconds=9)) is None
    assert longest_starting([starting()], NOW + timedelta(seconds=10)) is not None


def test_the_one_that_waits_longest_is_looked_at():
    going = starting("going", "2026-01-02T02:00:00Z")
    going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:00Z"
    pods = [going, starting(), starting("old", "2026-01-02T03:00:00Z"), pod("well")]
    found = longest_starting(pods, NOW + timedelta(seconds=60))
    assert found is not None
    assert found["metadata"]["name"] == "old"


@pytest.mark.parametrize("reason", ["FailedMount", "FailedAttachVolume", "FailedCreatePodSandBox"])
def test_the_latest_event_names_what_is_missing(reason):
    events = [
        told("Scheduled", "assigned", "2026-01-02T03:04:05Z"),
        told(reason, MOUNT, "2026-01-02T03:04:07Z"),
    ]
    found = hindrance(starting(), reversed(events))
    assert found is not None
    assert (found.kind, found.reason) == (TroubleKind.NOT_CREATED, reason)
    assert "docs-keys" in found.message


def test_an_image_that_is_pulled_after_a_mount_failed_is_no_trouble():
    pulling = {
        "reason": "Pulling",
        "note": "Pulling image",
        "eventTime": "2026-01-02T03:04:09.000001Z",
    }
    assert (
        hindrance(starting(), [told("FailedMount", MOUNT, "2026-01-02T03:04:07Z"), pulling]) is None
    )
    assert hindrance(starting(), []) is None


def test_a_missing_secret_degrades_the_service_with_its_name_and_the_remedy():
    bench = Bench()
    bench.cluster.serve()
    bench.reconcile()
    bench.cluster.run_pods(deployment(ready=0), starting())
    assert bench.reconcile() == Done(again_s=15.0)
    assert bench.cluster.condition("Degraded")["status"] == "False"
    bench.cluster.told["uid-docs-embedder-1"] = [told("FailedMount", MOUNT, "2026-01-02T03:04:07Z")]
    bench.clock.forward(15)
    assert bench.reconcile() == Done(again_s=15.0)
    found = bench.cluster.condition("Degraded")
    assert found["reason"] == "ContainerNotCreated"
    assert 'secret "docs-keys" not found' in found["message"]
    assert "create or free what the message names" in found["message"]
    assert bench.cluster.status["components"]["embedder"]["lastFailure"]["reason"] == "FailedMount"
