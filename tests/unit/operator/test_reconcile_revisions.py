"""Passes store what they decide, go by what is stored, and say which plan is in force and why."""

from typing import Any

import pytest

from retrieval_operator.errors import ClusterRefused
from retrieval_operator.facts import Unknown
from retrieval_operator.observe import Stage, observe
from retrieval_operator.runtime.workqueue import Done
from retrieval_operator.spec import ComponentName
from retrieval_operator.world import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    NODE,
    POD,
    REVISION,
    SERVICE,
    Ref,
)
from tests.support.operating import (
    GPU_SPEC,
    KEY,
    MODEL,
    Bench,
    deployment,
    gpu_node,
    inference_service,
    pod,
    service,
    version,
)
from tests.support.planning import facts

HUB = {"embedder": {"model": {"uri": "hf://our-team/tuned"}, "gpu": {}}}


def edited(bench: Bench, generation: int = 2, annotations: Any = None, **fields: Any) -> None:
    """The object after an edit of its embedder, with the status that it has."""
    spec = {"embedder": {**GPU_SPEC["embedder"], **fields}}
    changed = service(spec, generation=generation, annotations=annotations or {})
    bench.cluster.add(SERVICE, {**changed, "status": bench.cluster.status})


def no_node(bench: Bench) -> None:
    for document in bench.cluster.world.all(NODE):
        bench.cluster.world.drop(NODE, document)


def revision(bench: Bench) -> Any:
    return bench.cluster.status["components"]["embedder"]["revision"]


def asked_of_kserve(bench: Bench) -> Any:
    return bench.cluster.objects[Ref(INFERENCE_SERVICE, KEY.namespace, "docs-embedder")]


def test_a_plan_is_stored_before_it_is_acted_on():
    bench = Bench()
    bench.cluster.serve()
    bench.reconcile()
    assert bench.cluster.writes[0] == "apply ControllerRevision docs-embedder-1"
    (stored,) = (one for ref, one in bench.cluster.objects.items() if ref.kind == REVISION)
    assert stored["revision"] == 1
    assert stored["data"]["plan"]["precision"]["value"] == "fp16"
    assert stored["metadata"]["ownerReferences"][0]["uid"] == "uid-docs"
    assert revision(bench)["cause"] == "First"


def test_a_plan_that_cannot_be_stored_is_not_acted_on():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["ControllerRevision"] = ClusterRefused("PATCH", 403, "no")
    bench.reconcile()
    assert bench.cluster.names(INFERENCE_SERVICE) == []
    assert bench.cluster.condition("Ready")["reason"] == "ApplyRefused"
    assert "revision" not in bench.cluster.status["components"]["embedder"]


def test_a_new_operator_that_would_decide_otherwise_restarts_nothing():
    bench = Bench()
    bench.is_image_chosen = False
    bench.cluster.serve()
    bench.reconcile()
    decided_by_an_older_version(bench, threads=7)
    bench.restart()
    bench.reconcile()
    bench.cluster.run_pods(deployment(), pod())
    bench.reconcile()
    bench.cluster.writes.clear()
    before = asked_of_kserve(bench)
    (container,) = before["spec"]["predictor"]["containers"]
    assert {"name": "RETRIEVAL_THREADS", "value": "7"} in container["env"]
    bench.image = "example/predictor:v2"
    bench.restart()
    bench.reconcile()
    after = asked_of_kserve(bench)
    assert after["spec"] == before["spec"]
    assert after["metadata"]["annotations"] == before["metadata"]["annotations"]
    assert "status" not in bench.cluster.writes
    assert revision(bench)["planner"] == "0.0.1"


def decided_by_an_older_version(bench: Bench, threads: int) -> None:
    """The stored plan as a planner with other constants would have left it."""
    ref = Ref(REVISION, KEY.namespace, "docs-embedder-1")
    stored = bench.cluster.objects[ref]
    decision = {**stored["data"]["plan"]["threads"], "value": threads}
    plan = {**stored["data"]["plan"], "threads": decision}
    data = {**stored["data"], "plan": plan, "digest": "0123456789abcdef", "planner": "0.0.1"}
    metadata = {**stored["metadata"], "resourceVersion": version()}
    bench.cluster.add(REVISION, {**stored, "data": data, "metadata": metadata})


def test_a_hub_that_is_away_at_a_restart_freezes_nothing():
    bench = Bench(look=lambda _: facts())
    bench.cluster.serve(HUB)
    bench.reconcile()
    bench.cluster.run_pods(deployment(), pod())
    bench.reconcile()
    bench.cluster.writes.clear()
    bench.look = lambda _: Unknown("the hub is away", is_passing=True)
    bench.restart()
    bench.reconcile()
    assert [one for one in bench.cluster.writes if "status" in one] == []
    assert bench.cluster.condition("Ready")["status"] == "True"


def test_a_device_that_is_gone_for_minutes_is_left_for_another_and_the_status_says_so():
    bench = Bench().running()
    no_node(bench)
    bench.cluster.add(NODE, gpu_node("other", "NVIDIA-A10", 23028))
    assert bench.reconcile() == Done()
    assert bench.cluster.writes == []
    bench.clock.forward(299)
    assert bench.reconcile() == Done(again_s=1.0)
    assert bench.cluster.writes == []
    bench.clock.forward(2)
    bench.reconcile()
    assert revision(bench)["number"] == 2
    assert revision(bench)["cause"] == "DeviceGone"
    assert "NVIDIA-L4" in revision(bench)["why"]
    assert bench.cluster.status["gpu"] == "NVIDIA-A10"


def test_a_device_plugin_that_flaps_starts_the_minutes_anew():
    bench = Bench().running()
    for _ in range(10):
        no_node(bench)
        bench.cluster.add(NODE, gpu_node("other", "NVIDIA-A10", 23028))
        bench.reconcile()
        bench.clock.forward(200)
        bench.reconcile()
        bench.cluster.add(NODE, gpu_node())
        bench.reconcile()
    assert bench.cluster.writes == []


def test_the_last_ten_plans_are_kept():
    bench = Bench().running()
    for number in range(2, 14):
        edited(bench, generation=number, batching={"maxBatchTokens": 1024 * number})
        bench.reconcile()
    kept = {int(name.rpartition("-")[2]) for name in bench.cluster.names(REVISION)}
    assert kept == set(range(4, 14))
    assert revision(bench)["number"] == 13


def test_going_back_is_one_field_and_coming_forward_its_removal():
    bench = Bench().running()
    first = asked_of_kserve(bench)["spec"]
    edited(bench, precision="fp32")
    bench.reconcile()
    assert asked_of_kserve(bench)["spec"] != first
    edited(bench, generation=3, precision="fp32", rollbackTo=1)
    bench.reconcile()
    assert asked_of_kserve(bench)["spec"] == first
    assert (revision(bench)["number"], revision(bench)["pinned"]) == (1, True)
    edited(bench, generation=4, precision="fp32")
    bench.reconcile()
    assert revision(bench)["number"] == 2
    assert bench.cluster.names(REVISION) == ["docs-embedder-1", "docs-embedder-2"]


def test_who_asks_gets_a_new_plan_once():
    bench = Bench().running()
    edited(bench, generation=1, annotations={"retrieval.io/replan": "now"})
    bench.reconcile()
    assert (revision(bench)["number"], revision(bench)["cause"]) == (2, "Asked")
    bench.reconcile()
    assert bench.cluster.names(REVISION) == ["docs-embedder-1", "docs-embedder-2"]


def test_revisions_of_a_former_service_of_this_name_are_not_ours():
    bench = Bench().running()
    changed = service(uid="uid-another", generation=1)
    bench.cluster.add(SERVICE, changed)
    stored = bench.reconciler._seams.looking.look(
        KEY, changed, bench.reconciler._seams.context(), bench.clock()
    )
    assert stored.halves[0].known == ()


@pytest.mark.parametrize(
    "spec",
    [
        {**GPU_SPEC, "suspend": True, "profile": "Nonsense"},
        {"suspend": True, "embedder": {"model": {"uri": "hf://nobody/knows"}, "gpu": {}}},
        {"suspend": True, "embedder": {"model": MODEL, "gpu": {"memory": "1Gi"}}},
    ],
    ids=["invalid", "model unknown", "does not fit"],
)
def test_suspending_works_whatever_else_is_wrong(spec):
    bench = Bench().running()
    changed = service(spec, generation=2)
    bench.cluster.add(SERVICE, {**changed, "status": bench.cluster.status})
    bench.reconcile()
    annotations = asked_of_kserve(bench)["metadata"]["annotations"]
    assert annotations["serving.kserve.io/stop"] == "true"
    ready = bench.cluster.condition("EmbedderReady")
    assert (ready["reason"], ready["status"]) == ("Suspended", "False")
    assert "1 pod still answers" in ready["message"]
    resumed = service({**spec, "suspend": False}, generation=3)
    bench.cluster.add(SERVICE, {**resumed, "status": bench.cluster.status})
    bench.reconcile()
    assert "serving.kserve.io/stop" not in asked_of_kserve(bench)["metadata"]["annotations"]


def test_a_service_that_wakes_after_hours_raises_no_alarm():
    bench = Bench().running()
    bench.clock.forward(8 * 3600)
    (gone,) = (one for one in bench.cluster.world.all(DEPLOYMENT))
    bench.cluster.world.drop(DEPLOYMENT, gone)
    assert bench.reconcile() == Done(again_s=30.0)
    assert bench.cluster.condition("KServeAvailable")["status"] == "True"
    bench.clock.forward(31)
    bench.reconcile()
    assert bench.cluster.condition("KServeAvailable")["reason"] == "KServeSilent"


def test_ready_means_the_pod_that_was_rendered_also_where_kserves_change_is_refused():
    bench = Bench().running()
    edited(bench, resources={"limits": {"memory": "64Gi"}})
    bench.reconcile()
    ready = bench.cluster.condition("Ready")
    assert (ready["status"], ready["reason"]) == ("False", "RollingOut")
    assert bench.cluster.condition("EmbedderReady")["status"] == "True"
    told = {"type": "Warning", "reason": "InternalError", "note": "Deployment is invalid: limit"}
    uid = asked_of_kserve(bench)["metadata"]["uid"]
    bench.cluster.told[uid] = [told]
    bench.clock.forward(31)
    bench.reconcile()
    silent = bench.cluster.condition("KServeAvailable")
    assert silent["reason"] == "KServeSilent"
    assert "Deployment is invalid: limit" in silent["message"]


def test_an_optional_object_decides_nothing():
    bench = Bench()
    bench.cluster.refusing["PodMonitor"] = ClusterRefused(
        "PATCH", 403, 'User "operator" cannot patch resource "podmonitors"'
    )
    bench.running()
    assert bench.reconcile() == Done(again_s=300.0)
    assert bench.cluster.condition("Ready")["status"] == "True"
    assert bench.cluster.condition("Degraded")["reason"] == "ApplyRefused"
    assert "grant the operator's ServiceAccount" in bench.cluster.condition("Degraded")["message"]


def test_a_quota_is_not_taken_for_a_missing_right():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["InferenceService"] = ClusterRefused("PATCH", 403, "exceeded quota: a")
    bench.reconcile()
    assert "ServiceAccount" not in bench.cluster.condition("Ready")["message"]


SCALED = {"autoscaling": {"minReplicas": 1, "maxReplicas": 6, "metric": "CPU"}}


def scaled(**more: Any) -> Bench:
    """A service whose autoscaler has left one pod, which answers."""
    bench = Bench()
    bench.cluster.serve({"embedder": {**GPU_SPEC["embedder"], **SCALED}, **more})
    bench.reconcile()
    bench.cluster.run_pods(deployment(), pod())
    bench.reconcile()
    return bench


def test_a_scale_up_and_a_node_on_its_way_flip_nothing_but_progressing():
    bench = scaled()
    waits = pod(
        "docs-embedder-2", phase="Pending", conditions=[_unscheduled("2026-01-02T03:04:04Z")]
    )
    bench.cluster.run_pods(deployment(desired=2, updated=2, ready=1), pod(), waits)
    bench.reconcile()
    for kind, status in (("Ready", "True"), ("Degraded", "False"), ("Progressing", "True")):
        assert bench.cluster.condition(kind)["status"] == status, kind
    bench.clock.forward(3600)
    bench.reconcile()
    assert bench.cluster.condition("Degraded")["status"] == "False"


def test_a_pod_that_has_to_answer_may_wait_minutes_for_its_node():
    bench = Bench()
    bench.cluster.serve()
    bench.reconcile()
    waits = pod(phase="Pending", conditions=[_unscheduled("2026-01-02T03:04:04Z")])
    bench.cluster.run_pods(deployment(ready=0), waits)
    assert bench.reconcile() == Done(again_s=300.0)
    assert bench.cluster.condition("EmbedderReady")["reason"] == "Unschedulable"
    assert bench.cluster.condition("Degraded")["status"] == "False"
    assert "one waits for a node" in bench.cluster.condition("Progressing")["message"]
    bench.clock.forward(301)
    bench.reconcile()
    assert bench.cluster.condition("Degraded")["reason"] == "Unschedulable"
    assert bench.cluster.status["phase"] == "Pending"


def _unscheduled(since: str) -> dict[str, str]:
    return {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/1 nodes are available",
        "lastTransitionTime": since,
    }


@pytest.mark.parametrize(("mode", "ready"), [("Standard", "False"), ("Knative", "True")])
def test_a_component_without_pods_is_asleep(mode, ready):
    bench = scaled()
    found = asked_of_kserve(bench)
    marks = {**found["metadata"]["annotations"], "serving.kserve.io/deploymentMode": mode}
    ref = Ref(INFERENCE_SERVICE, KEY.namespace, "docs-embedder")
    bench.cluster.objects[ref] = {**found, "metadata": {**found["metadata"], "annotations": marks}}
    asleep = bench.cluster.objects[ref]
    state = observe(ComponentName.EMBEDDER, asleep, deployment(desired=0, updated=0, ready=0), ())
    assert state.stage is Stage.ASLEEP
    assert state.wakes_on_request == (ready == "True")


def test_a_service_that_sleeps_is_asleep_and_not_in_trouble():
    bench = scaled()
    for one in bench.cluster.world.all(POD):
        bench.cluster.world.drop(POD, one)
    bench.cluster.run_pods(deployment(desired=0, updated=0, ready=0))
    assert bench.reconcile() == Done()
    assert bench.cluster.status["phase"] == "Asleep"
    assert bench.cluster.condition("Ready")["reason"] == "Asleep"
    assert bench.cluster.condition("Degraded")["status"] == "False"
    assert bench.cluster.condition("Progressing")["status"] == "False"


def test_a_promise_counts_pods_that_exist_when_the_burst_comes():
    promise = {"requestsPerBurst": 20_000, "withinSeconds": 3, "quantile": 0.9}
    bench = scaled(objective=promise)
    met = bench.cluster.condition("ObjectiveMet")
    assert met["status"] == "False"
    assert met["message"].startswith("embedder: 1 pod can hold")


def test_a_promise_is_not_kept_by_pods_that_do_not_answer():
    promise = {"requestsPerBurst": 100, "withinSeconds": 3, "quantile": 0.9}
    bench = Bench()
    bench.cluster.serve({**GPU_SPEC, "objective": promise})
    bench.reconcile()
    bench.cluster.run_pods(deployment(ready=0))
    bench.reconcile()
    met = bench.cluster.condition("ObjectiveMet")
    assert (met["status"], "1 are wanted" in met["message"]) == ("False", True)


def test_foreign_stop_marks_do_not_outlive_the_object_saying_run():
    bench = Bench().running()
    stopped = inference_service(annotations={"serving.kserve.io/stop": "true"})
    found = asked_of_kserve(bench)
    marks = {**found["metadata"]["annotations"], **stopped["metadata"]["annotations"]}
    metadata = {**found["metadata"], "annotations": marks, "resourceVersion": version()}
    bench.cluster.add(INFERENCE_SERVICE, {**found, "metadata": metadata})
    bench.reconcile()
    assert "serving.kserve.io/stop" not in asked_of_kserve(bench)["metadata"]["annotations"]
