"""What a component does is read from its Deployment and pods, and nothing else is believed."""

from typing import Any

import pytest

from retrieval_operator.observe import Stage, TroubleKind, observe
from retrieval_operator.spec import ComponentName
from tests.support.operating import (
    conditions,
    container,
    crashing,
    deployment,
    inference_service,
    pod,
    unschedulable,
)

NAME = ComponentName.EMBEDDER


def seen(deployed, *pods):
    return observe(NAME, inference_service(), deployed, pods)


def waiting(reason: str, message: str = ""):
    return pod(
        phase="Pending",
        conditions=conditions(PodScheduled=True, Ready=False),
        containerStatuses=[container(state={"waiting": {"reason": reason, "message": message}})],
    )


def starting(**init):
    facts: dict[str, Any] = (
        {"initContainerStatuses": [container("storage-initializer", **init)]} if init else {}
    )
    return pod(
        phase="Pending",
        conditions=conditions(PodScheduled=True, Ready=False),
        containerStatuses=[container(state={"waiting": {"reason": "PodInitializing"}})],
        **facts,
    )


def loading(**facts):
    return pod(
        phase="Running",
        conditions=conditions(PodScheduled=True, Ready=False),
        containerStatuses=[container(state={"running": {}}, **facts)],
    )


def test_all_pods_ready_and_new_is_settled():
    state = seen(deployment(), pod())
    assert state.is_settled
    assert (state.desired, state.updated, state.ready) == (1, 1, 1)
    assert state.url == "http://docs-embedder-predictor.search.svc"


def test_ready_true_of_the_inference_service_is_not_believed():
    lying = inference_service()
    lying["status"]["conditions"] = [{"type": "Ready", "status": "True"}]
    state = observe(NAME, lying, deployment(ready=0), (crashing(1),))
    assert not state.answers
    assert state.trouble is not None


def test_pods_that_a_status_still_counts_and_that_are_gone_do_not_answer():
    state = seen(deployment(ready=1))
    assert (state.ready, state.stage) == (0, Stage.CREATING)


@pytest.mark.parametrize(
    ("pods", "ready", "stage"),
    [
        ((), 0, Stage.CREATING),
        ((pod(phase="Pending", conditions=[]),), 0, Stage.SCHEDULING),
        ((waiting("ContainerCreating"),), 0, Stage.STARTING),
        ((starting(state={"running": {}}),), 0, Stage.DOWNLOADING),
        ((loading(),), 0, Stage.LOADING),
        ((pod(),), 1, Stage.READY),
    ],
)
def test_the_stage_of_a_pod_on_its_way(pods, ready, stage):
    state = seen(deployment(ready=ready), *pods)
    assert state.stage is stage
    assert state.trouble is None


def test_nothing_made_yet_is_absent():
    assert observe(NAME, None, None, ()).stage is Stage.ABSENT
    assert observe(NAME, inference_service(), None, ()).stage is Stage.ABSENT


def test_the_pod_furthest_behind_decides():
    state = seen(deployment(desired=2, updated=2, ready=1), pod("a"), unschedulable())
    assert state.stage is Stage.SCHEDULING
    assert state.answers
    assert not state.is_full


def test_old_pods_that_still_answer_make_a_rollout():
    asked = marked(inference_service(), "new")
    deployed = passed_on(deployment(desired=2, updated=1, ready=2), "new")
    state = observe(NAME, asked, deployed, [marked(pod("a"), "old"), marked(pod("b"), "new")])
    assert state.is_full
    assert state.stage is Stage.ROLLING_OUT
    assert not state.is_present


def test_a_pod_that_is_going_does_not_count():
    going = crashing(1)
    going["metadata"]["deletionTimestamp"] = "2026-01-02T03:04:00Z"
    assert seen(deployment(), pod("a"), going).troubles == ()


def test_a_failed_pod_counts_until_another_has_taken_its_place():
    failed = pod("a", phase="Failed", reason="Evicted", conditions=conditions(Ready=False))
    assert seen(deployment(ready=0), failed, loading()).troubles[0].kind is TroubleKind.EVICTED
    replaced = seen(deployment(), failed, pod("b"))
    assert replaced.troubles == ()
    assert replaced.is_settled


TROUBLES = {
    "no node takes it": (unschedulable(), TroubleKind.UNSCHEDULABLE, "Unschedulable"),
    "its image is missing": (waiting("ImagePullBackOff"), TroubleKind.IMAGE, "ImagePullBackOff"),
    "a secret is missing": (
        waiting("CreateContainerConfigError", 'secret "hf" not found'),
        TroubleKind.NOT_CREATED,
        "CreateContainerConfigError",
    ),
    "memory ran out": (crashing(137, "OOMKilled"), TroubleKind.OUT_OF_MEMORY, "OOMKilled"),
    "it cannot work as configured": (crashing(78), TroubleKind.CONFIGURATION, "Error"),
    "its device is gone": (crashing(69), TroubleKind.DEVICE, "Error"),
    "a probe failed for too long": (crashing(137), TroubleKind.TOO_SLOW, "CrashLoopBackOff"),
    "it crashes": (crashing(1), TroubleKind.CRASH, "CrashLoopBackOff"),
    "the checkpoint cannot be fetched": (
        starting(
            state={"waiting": {"reason": "CrashLoopBackOff"}},
            lastState={"terminated": {"exitCode": 1, "reason": "Error"}},
        ),
        TroubleKind.DOWNLOAD,
        "CrashLoopBackOff",
    ),
    "it runs again after memory ran out and is not ready": (
        loading(lastState={"terminated": {"exitCode": 137, "reason": "OOMKilled"}}),
        TroubleKind.OUT_OF_MEMORY,
        "OOMKilled",
    ),
    "it was evicted": (
        pod(phase="Failed", reason="Evicted", message="The node was low on memory."),
        TroubleKind.EVICTED,
        "Evicted",
    ),
    "its node is lost": (
        pod(
            phase="Running",
            conditions=conditions(PodScheduled=True, ContainersReady=True, Ready=False),
            containerStatuses=[container(state={"running": {}}, ready=True)],
        ),
        TroubleKind.NODE_LOST,
        "NodeNotReady",
    ),
}


@pytest.mark.parametrize("case", TROUBLES, ids=str)
def test_what_stands_in_the_way_is_named(case):
    troubled, kind, reason = TROUBLES[case]
    trouble = seen(deployment(ready=0), troubled).trouble
    assert trouble is not None
    assert (trouble.kind, trouble.reason) == (kind, reason)


def test_a_finished_initialiser_is_no_trouble():
    done = starting(state={"terminated": {"exitCode": 0, "reason": "Completed"}})
    assert seen(deployment(ready=0), done).trouble is None


def test_a_ready_pod_is_forgiven_its_past():
    restarted = pod()
    restarted["status"]["containerStatuses"][0]["lastState"] = {
        "terminated": {"exitCode": 137, "reason": "OOMKilled"}
    }
    assert seen(deployment(), restarted).trouble is None


def test_the_end_of_a_log_is_kept_and_its_beginning_cut():
    trouble = seen(deployment(ready=0), crashing(1, message="x " * 1000 + "ValueError: no")).trouble
    assert trouble is not None
    assert trouble.message.endswith("ValueError: no")
    assert len(trouble.message) <= 401


def test_pods_that_may_not_be_created_are_the_deployments_trouble():
    refused = {
        "type": "ReplicaFailure",
        "status": "True",
        "reason": "FailedCreate",
        "message": "exceeded quota: gpus",
    }
    trouble = seen(deployment(ready=0, conditions=[refused])).trouble
    assert trouble is not None
    assert trouble.kind is TroubleKind.QUOTA
    assert "exceeded quota" in trouble.message


def test_the_newest_pod_explains_first():
    old, new = crashing(1), unschedulable()
    old["metadata"] |= {"name": "old", "creationTimestamp": "2026-01-01T00:00:00Z"}
    state = seen(deployment(ready=0), old, new)
    assert [trouble.kind for trouble in state.troubles] == [
        TroubleKind.UNSCHEDULABLE,
        TroubleKind.CRASH,
    ]


def test_settings_in_force_are_those_of_the_deployment():
    deployed = deployment()
    env = [{"name": "RETRIEVAL_PRECISION", "value": "fp16"}, {"name": "OTHER", "value": "x"}]
    deployed["spec"]["template"] = {
        "spec": {"containers": [{"name": "kserve-container", "env": env}]}
    }
    assert seen(deployed, pod()).settings == {"precision": "fp16"}


def test_the_limits_that_pods_read_are_in_force_and_not_the_room_they_started_with():
    deployed = deployment()
    env = [{"name": "RETRIEVAL_BATCHING__MAX_BATCH_TOKENS", "value": "16384"}]
    deployed["spec"]["template"] = {
        "spec": {"containers": [{"name": "kserve-container", "env": env}]}
    }
    limits = {"data": {"limits.json": '{"maxBatchTokens": 4096}'}}
    state = observe(NAME, inference_service(), deployed, [pod()], limits)
    assert state.settings == {"batching.maxBatchTokens": "4096"}


def marked(document: dict[str, Any], digest: str) -> dict[str, Any]:
    """The object with the digest of a rendered pod."""
    annotations = {"retrieval.io/pod-digest": digest}
    return {**document, "metadata": {**document["metadata"], "annotations": annotations}}


def passed_on(deployed: dict[str, Any], digest: str) -> dict[str, Any]:
    """The Deployment with a template of that pod."""
    template = marked({"metadata": {}}, digest)
    return {**deployed, "spec": {**deployed["spec"], "template": template}}


@pytest.mark.parametrize("given", ["old", "new"])
def test_pods_are_the_new_version_only_if_they_are_the_pod_that_was_rendered(given):
    """Whatever differs of it: image, memory, placement; and also where KServe's change of the
    Deployment was refused, so that the Deployment is content."""
    asked = marked(inference_service(), "new")
    state = observe(NAME, asked, passed_on(deployment(), given), [marked(pod(), given)])
    assert state.is_full
    assert state.is_settled == state.is_passed_on == (given == "new")


def test_a_scale_up_is_under_way_and_changes_nothing_of_what_answers():
    asked = {**inference_service(), "spec": {"predictor": {"minReplicas": 1}}}
    grown = deployment(desired=3, updated=3, ready=1, replicas=3)
    state = observe(NAME, asked, grown, [pod("a"), loading(), unschedulable()])
    assert (state.needed, state.desired, state.ready) == (1, 3, 1)
    assert state.is_full
    assert state.is_present
    assert not state.is_settled


def test_no_pod_wanted_is_asleep():
    state = seen(deployment(desired=0, updated=0, ready=0))
    assert state.stage is Stage.ASLEEP
    assert state.is_settled


def test_a_number_of_pods_that_kserve_has_not_passed_on_is_not_there_yet():
    scaler = {"serving.kserve.io/autoscalerClass": "none"}
    asked = inference_service(annotations=scaler)
    asked = {**asked, "spec": {"predictor": {"minReplicas": 3, "maxReplicas": 3}}}
    assert observe(NAME, asked, deployment(), [pod()]).stage is Stage.ROLLING_OUT
    three = [pod("a"), pod("b"), pod("c")]
    grown = deployment(desired=3, updated=3, ready=3, replicas=3)
    assert observe(NAME, asked, grown, three).stage is Stage.READY
