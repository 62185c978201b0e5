"""One pass brings a service to what it asks for; a second one changes nothing."""

import pytest

from retrieval_operator.errors import (
    ClusterRefused,
    ClusterUnavailable,
    Conflict,
    LeadershipLost,
    WebhookUnreachable,
)
from retrieval_operator.facts import Unknown
from retrieval_operator.observe import ComponentState
from retrieval_operator.reconcile.silence import complaint
from retrieval_operator.runtime.workqueue import Done, Failed
from retrieval_operator.spec import ComponentName
from retrieval_operator.world import DEPLOYMENT, INFERENCE_SERVICE, NODE, SERVICE
from tests.support.operating import (
    GPU_SPEC,
    KEY,
    MODEL,
    Bench,
    crashing,
    deployment,
    gpu_node,
    inference_service,
    pod,
    service,
    unschedulable,
    version,
)

TWO = {
    "embedder": {"model": MODEL, "gpu": {}},
    "reranker": {"model": {"uri": "hf://BAAI/bge-reranker-v2-m3"}, "gpu": {}},
}
TOO_LARGE = {
    "embedder": {"model": {"uri": "hf://Qwen/Qwen3-Embedding-8B"}, "gpu": {"memory": "4Gi"}}
}


def test_a_new_service_gets_its_objects_and_a_status_that_says_so():
    bench = Bench()
    bench.cluster.serve(TWO)
    bench.reconcile()
    assert bench.cluster.names(INFERENCE_SERVICE) == ["docs-embedder", "docs-reranker"]
    status = bench.cluster.status
    assert status["observedGeneration"] == 1
    assert status["phase"] == "Progressing"
    assert status["gpu"] == "NVIDIA-L4"
    assert bench.cluster.condition("PlanValid")["status"] == "True"
    assert bench.cluster.condition("EmbedderReady")["reason"] == "WaitingForKServe"


def test_a_second_pass_writes_nothing():
    bench = Bench()
    bench.cluster.serve(TWO)
    bench.reconcile()
    bench.cluster.writes.clear()
    bench.clock.forward(5)
    bench.reconcile()
    assert bench.cluster.writes == []


def test_ready_pods_make_a_ready_service():
    bench = Bench().running()
    assert bench.cluster.condition("Ready")["status"] == "True"
    assert bench.cluster.status["phase"] == "Ready"
    assert bench.cluster.status["components"]["embedder"]["ready"] == "1/1"


def test_an_edit_of_our_fields_is_repaired_and_one_of_other_fields_left_alone():
    bench = Bench().running()
    (ref,) = [ref for ref in bench.cluster.objects if ref.kind == INFERENCE_SERVICE]
    live = bench.cluster.objects[ref]
    metadata = {**live["metadata"], "resourceVersion": version()}
    labelled = {**metadata, "labels": {**metadata["labels"], "team": "search"}}
    bench.cluster.add(INFERENCE_SERVICE, {**live, "metadata": labelled})
    bench.reconcile()
    assert bench.cluster.writes == []
    broken = {
        **live,
        "spec": {"predictor": {}},
        "metadata": {**metadata, "resourceVersion": version()},
    }
    bench.cluster.add(INFERENCE_SERVICE, broken)
    bench.reconcile()
    assert bench.cluster.writes == ["apply InferenceService docs-embedder"]


def test_somebody_who_never_gives_up_is_named_and_not_raced():
    bench = Bench().running()
    repairs = 0
    for _ in range(6):
        live = bench.cluster.world.get(INFERENCE_SERVICE, KEY.namespace, "docs-embedder")
        assert live is not None
        broken = {
            **live,
            "spec": {"predictor": {}},
            "metadata": {
                **live["metadata"],
                "resourceVersion": version(),
                "managedFields": [{"manager": "rival", "time": "2026-01-01T00:00:00Z"}],
            },
        }
        bench.cluster.add(INFERENCE_SERVICE, broken)
        bench.cluster.writes.clear()
        outcome = bench.reconcile()
        repairs += "apply InferenceService docs-embedder" in bench.cluster.writes
    assert repairs == 3
    assert outcome == Done(again_s=10.0)
    assert bench.cluster.condition("Degraded")["reason"] == "FieldsContested"
    assert "rival keeps changing fields" in bench.cluster.condition("Degraded")["message"]


def test_a_resync_applies_everything_again():
    bench = Bench().running()
    bench.applier.forget()
    bench.reconcile()
    assert "apply InferenceService docs-embedder" in bench.cluster.writes
    assert "status" not in bench.cluster.writes


def test_a_component_that_is_removed_is_pruned():
    bench = Bench()
    bench.cluster.serve(TWO)
    bench.reconcile()
    bench.cluster.add(SERVICE, service(generation=2))
    bench.reconcile()
    assert bench.cluster.names(INFERENCE_SERVICE) == ["docs-embedder"]


def test_an_object_of_somebody_else_is_neither_taken_over_nor_pruned():
    bench = Bench()
    bench.cluster.serve()
    theirs = inference_service(ownerReferences=[], labels={})
    bench.cluster.add(INFERENCE_SERVICE, theirs)
    outcome = bench.reconcile()
    assert bench.cluster.condition("Ready")["reason"] == "NameTaken"
    assert "under another name" in bench.cluster.condition("Ready")["message"]
    assert not any(write.startswith("apply Inf") for write in bench.cluster.writes)
    assert isinstance(outcome, Failed)


def test_a_plan_that_does_not_fit_leaves_running_pods_alone_and_says_what_would_fit():
    bench = Bench().running()
    bench.cluster.add(SERVICE, service(TOO_LARGE, generation=2))
    bench.reconcile()
    plan = bench.cluster.condition("PlanValid")
    assert (plan["status"], plan["reason"]) == ("False", "ModelDoesNotFit")
    assert "Gi" in plan["message"]
    assert "former plan keep answering (embedder 1/1)" in plan["message"]
    assert bench.cluster.names(INFERENCE_SERVICE) == ["docs-embedder"]
    assert [write for write in bench.cluster.writes if "delete" in write] == []
    assert bench.cluster.condition("EmbedderReady")["status"] == "True"
    assert bench.cluster.condition("Ready")["status"] == "False"
    assert bench.cluster.status["phase"] == "Refused"


def test_a_node_that_joins_changes_nothing_and_one_that_leaves_neither():
    bench = Bench().running()
    bench.cluster.add(NODE, gpu_node("small", "Tesla-T4", 15360))
    bench.reconcile()
    assert bench.cluster.writes == []
    for ref, document in list(bench.cluster.objects.items()):
        if ref.kind == NODE:
            bench.cluster.world.drop(NODE, document)
    bench.reconcile()
    assert [write for write in bench.cluster.writes if "Inference" in write] == []


def test_a_cordoned_node_still_counts_for_a_plan():
    bench = Bench()
    node = gpu_node()
    node["spec"]["taints"].append(
        {"key": "node.kubernetes.io/unschedulable", "effect": "NoSchedule"}
    )
    bench.cluster.add(SERVICE, service())
    bench.cluster.add(NODE, node)
    bench.reconcile()
    assert bench.cluster.condition("PlanValid")["status"] == "True"


def test_without_kserve_nothing_is_applied_and_it_is_looked_for_again():
    bench = Bench(apis=frozenset({"v1"}))
    bench.cluster.serve()
    outcome = bench.reconcile()
    assert outcome == Done(again_s=30.0)
    assert bench.cluster.condition("KServeAvailable")["reason"] == "KServeMissing"
    assert bench.cluster.condition("PlanValid")["status"] == "True"
    assert bench.cluster.writes == ["status"]


def test_a_webhook_of_kserve_that_does_not_answer_is_retried_and_running_pods_stay_ready():
    bench = Bench().running()
    bench.applier.forget()
    bench.cluster.refusing["InferenceService"] = WebhookUnreachable(
        "PATCH", 'failed calling webhook "inferenceservice.kserve-webhook-server": refused'
    )
    assert bench.reconcile() == Failed(at_most_s=6.0)
    assert bench.cluster.condition("KServeAvailable")["status"] == "False"
    assert bench.cluster.condition("Degraded")["reason"] == "WebhookUnreachable"
    assert bench.cluster.condition("Ready")["status"] == "True"


def test_what_waits_for_kserves_webhook_says_everywhere_what_to_do():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["InferenceService"] = WebhookUnreachable(
        "PATCH", 'failed calling webhook "inferenceservice.kserve-webhook-server": refused'
    )
    bench.reconcile()
    for kind in ("KServeAvailable", "EmbedderReady", "Degraded", "Ready"):
        told = bench.cluster.condition(kind)
        assert told["reason"] == "WebhookUnreachable"
        assert "start the KServe controller" in told["message"]


def test_what_stands_in_the_way_is_told_in_full_once_and_pointed_to_by_progressing():
    bench = Bench()
    bench.cluster.serve(TOO_LARGE)
    bench.reconcile()
    assert bench.cluster.condition("Degraded")["reason"] == "ModelDoesNotFit"
    assert bench.cluster.condition("Progressing")["message"] == "ModelDoesNotFit, see Degraded"


def test_a_refused_apply_says_who_must_do_what():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["InferenceService"] = ClusterRefused(
        "PATCH InferenceService", 403, "cannot patch resource"
    )
    assert isinstance(bench.reconcile(), Failed)
    ready = bench.cluster.condition("Ready")
    assert ready["reason"] == "ApplyRefused"
    assert "ServiceAccount" in ready["message"]


@pytest.mark.parametrize(
    "error", [Conflict("PATCH"), LeadershipLost()], ids=lambda error: error.code
)
def test_a_pass_that_another_writer_overtakes_leaves_the_status_to_it(error):
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["InferenceService"] = error
    with pytest.raises(type(error)):
        bench.reconcile()
    assert bench.cluster.status == {}


def test_a_pass_that_is_put_off_says_why():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["InferenceService"] = ClusterUnavailable("PATCH", "503 overloaded")
    with pytest.raises(ClusterUnavailable):
        bench.reconcile()
    ready = bench.cluster.condition("Ready")
    assert (ready["reason"], ready["message"]) == ("ApplyFailed", "PATCH: 503 overloaded")


def test_an_unforeseen_error_becomes_a_condition():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.refusing["InferenceService"] = RuntimeError("surprise")
    assert isinstance(bench.reconcile(), Failed)
    assert bench.cluster.condition("Ready")["reason"] == "InternalError"
    assert [str(error) for error in bench.ears.failures] == ["surprise"]


def test_an_object_that_breaks_a_rule_is_not_accepted_and_its_pods_are_still_watched():
    bench = Bench().running()
    bench.cluster.add(SERVICE, service({"embedder": {"replicas": -1}}, generation=2))
    bench.reconcile()
    accepted = bench.cluster.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "InvalidSpec")
    assert "spec.embedder.replicas" in accepted["message"]
    assert bench.cluster.condition("PlanValid")["status"] == "Unknown"
    assert bench.cluster.condition("EmbedderReady")["status"] == "True"


def test_a_service_that_is_gone_or_going_is_left_to_the_garbage_collector():
    bench = Bench()
    assert bench.reconcile() == Done()
    bench.cluster.serve(deletionTimestamp="2026-01-02T03:04:00Z")
    assert bench.reconcile() == Done()
    assert bench.cluster.writes == []


def test_nothing_is_created_for_a_service_that_has_just_been_deleted():
    bench = Bench()
    bench.cluster.serve()
    bench.cluster.objects.clear()  # the watch has not told yet
    with pytest.raises(Conflict):
        bench.reconcile()
    assert bench.cluster.writes == []


def test_kserve_that_does_not_act_is_noticed_after_half_a_minute():
    bench = Bench()
    bench.cluster.serve()
    assert bench.reconcile() == Done(again_s=30.0)
    bench.clock.forward(31)
    bench.reconcile()
    assert bench.cluster.condition("KServeAvailable")["reason"] == "KServeSilent"
    assert "shorten a name" not in bench.cluster.condition("KServeAvailable")["message"]


def test_a_host_name_that_kserve_gives_up_on_is_named():
    long = inference_service(namespace="n" * 60)
    state = ComponentState(ComponentName.EMBEDDER, "docs-embedder")
    assert "84 characters of at most 63; shorten a name" in complaint(state, long, ())


def test_an_unschedulable_pod_is_told_in_the_schedulers_words_with_a_remedy():
    bench = Bench()
    bench.cluster.serve()
    bench.reconcile()
    bench.cluster.run_pods(deployment(ready=0), unschedulable())
    bench.reconcile()
    ready = bench.cluster.condition("Ready")
    assert ready["reason"] == "Unschedulable"
    assert "3 Insufficient nvidia.com/gpu; add or free such a node" in ready["message"]
    assert "spec.embedder.replicas" in ready["message"]
    assert bench.cluster.status["phase"] == "Pending"


def test_a_crash_is_degraded_and_its_failure_is_kept_until_the_pods_are_healthy():
    bench = Bench().running()
    bench.cluster.run_pods(deployment(ready=0), crashing(137, "OOMKilled"))
    bench.reconcile()
    degraded = bench.cluster.condition("Degraded")
    assert (degraded["status"], degraded["reason"]) == ("True", "OutOfMemory")
    assert "kserve-container" in degraded["message"]
    assert "resources.limits.memory" in degraded["message"]
    assert bench.cluster.status["components"]["embedder"]["lastFailure"]["exitCode"] == 137
    bench.cluster.run_pods(deployment(ready=0), pod(phase="Pending", conditions=[]))
    bench.reconcile()
    assert bench.cluster.status["components"]["embedder"]["lastFailure"]["exitCode"] == 137
    bench.cluster.run_pods(deployment(), pod())
    bench.reconcile()
    assert "lastFailure" not in bench.cluster.status["components"]["embedder"]
    assert bench.cluster.condition("Ready")["status"] == "True"


def test_times_move_only_when_a_condition_flips():
    bench = Bench().running()
    before = bench.cluster.condition("Ready")["lastTransitionTime"]
    bench.clock.forward(60)
    bench.cluster.run_pods(deployment(ready=0), crashing(1))
    bench.reconcile()
    assert bench.cluster.condition("Ready")["lastTransitionTime"] != before
    assert bench.cluster.condition("Accepted")["lastTransitionTime"] == before


def test_events_are_told_once_and_only_on_flips():
    bench = Bench().running()
    bench.cluster.run_pods(deployment(ready=0), crashing(1, restarts=1))
    bench.reconcile()
    bench.cluster.run_pods(deployment(ready=0), crashing(1, restarts=2))
    bench.reconcile()
    assert [event["reason"] for event in bench.cluster.announced] == ["CrashLooping"]
    assert bench.cluster.announced[0]["regarding"]["name"] == KEY.name
    assert bench.cluster.announced[0]["type"] == "Warning"


def test_a_suspended_service_is_not_degraded():
    bench = Bench().running()
    (gone,) = bench.cluster.world.owned(DEPLOYMENT, KEY)
    spec = {**service()["spec"], "suspend": True}
    known = next(d for r, d in bench.cluster.objects.items() if r.kind == SERVICE)
    bench.cluster.add(SERVICE, {**service(spec, generation=2), "status": known["status"]})
    bench.cluster.world.drop(DEPLOYMENT, gone)
    bench.reconcile()
    assert bench.cluster.status["phase"] == "Suspended"
    assert bench.cluster.condition("Ready")["reason"] == "Suspended"
    assert bench.cluster.condition("Degraded")["status"] == "False"


def test_a_model_that_nobody_knows_is_refused_and_asked_for_again():
    bench = Bench(look=lambda _: Unknown("the hub is away", is_passing=True))
    bench.cluster.serve({"embedder": {"model": {"uri": "hf://nobody/knows"}, "gpu": {}}})
    assert bench.reconcile() == Done(again_s=60.0)
    assert bench.cluster.condition("PlanValid")["reason"] == "UnknownModel"
    assert "the hub is away" in bench.cluster.condition("PlanValid")["message"]


def test_an_objective_is_judged():
    bench = Bench()
    objective = {"requestsPerBurst": 1_000_000, "withinSeconds": 1, "quantile": 0.9}
    bench.cluster.serve({**service()["spec"], "objective": objective})
    bench.reconcile()
    met = bench.cluster.condition("ObjectiveMet")
    assert (met["status"], met["reason"]) == ("False", "BurstNotHeld")


def test_conditions_of_others_do_not_make_us_write():
    bench = Bench().running()
    ref, known = next((r, d) for r, d in bench.cluster.objects.items() if r.kind == SERVICE)
    theirs = {**known["status"]["conditions"][0], "type": "Audited", "reason": "Fine"}
    status = {**known["status"], "conditions": [*known["status"]["conditions"], theirs]}
    metadata = {**known["metadata"], "resourceVersion": version()}
    bench.cluster.add(ref.kind, {**known, "status": status, "metadata": metadata})
    bench.reconcile()
    assert bench.cluster.writes == []


def test_what_this_installation_cannot_do_is_not_accepted_and_says_what_to_install():
    bench = Bench()
    bench.cluster.serve({**GPU_SPEC, "deploymentMode": "Knative"})
    bench.reconcile()
    accepted = bench.cluster.condition("Accepted")
    assert (accepted["status"], accepted["reason"]) == ("False", "UnsupportedField")
    assert "install Knative Serving" in accepted["message"]
    assert bench.cluster.names(INFERENCE_SERVICE) == []


def test_what_will_probably_not_work_is_told_with_the_plan():
    scaled = {**GPU_SPEC["embedder"], "autoscaling": {"minReplicas": 1, "maxReplicas": 3}}
    bench = Bench()
    bench.cluster.serve({"embedder": scaled})
    bench.reconcile()
    planned = bench.cluster.condition("PlanValid")
    assert planned["status"] == "True"
    assert "pods stay at minReplicas" in planned["message"]
