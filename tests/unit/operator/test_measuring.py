"""One pod of each plan tells what its warm-up measured; no pass waits for it."""

from typing import Any

from retrieval_operator.runtime.workqueue import Done
from retrieval_operator.warmups import WarmUp
from retrieval_operator.world import INFERENCE_SERVICE, POD, SERVICE
from tests.support.operating import GPU_SPEC, KEY, Bench, deployment, pod, ready_status, service

TOLD = WarmUp(tokens=4096, tokens_per_s=90_000.5, peak_memory_bytes=2 << 30)
OBJECTIVE = {"requestsPerBurst": 100_000, "withinSeconds": 3, "quantile": 0.9}


def answering(bench: Bench, name: str = "docs-embedder-1", ip: str = "10.0.0.7") -> dict[str, Any]:
    """A ready pod of the plan in force."""
    ref = next(ref for ref in bench.cluster.objects if ref.kind == INFERENCE_SERVICE)
    annotations = bench.cluster.objects[ref]["metadata"]["annotations"]
    found = pod(name, **ready_status(), podIP=ip)
    return {**found, "metadata": {**found["metadata"], "annotations": annotations}}


def ready(spec: dict[str, Any] = GPU_SPEC) -> Bench:
    """A service whose one pod answers, and was asked."""
    bench = Bench()
    bench.cluster.serve(spec)
    bench.reconcile()
    bench.cluster.run_pods(deployment(), answering(bench))
    bench.reconcile()
    return bench


def measured(bench: Bench) -> Any:
    return bench.cluster.status["components"]["embedder"].get("measured")


def test_a_ready_pod_is_asked_once_and_the_pass_goes_on():
    bench = ready()
    assert bench.reconcile() == Done()
    assert bench.pods.asked == ["10.0.0.7"]
    assert measured(bench) is None
    assert bench.cluster.condition("Ready")["status"] == "True"


def test_what_it_tells_stands_beside_what_was_planned():
    bench = ready()
    bench.pods.answer(TOLD)
    assert bench.woken == [KEY]
    bench.reconcile()
    found = measured(bench)
    terms = bench.cluster.status["components"]["embedder"]["plan"]["gpuMemory"]
    assert found == {
        "pod": "docs-embedder-1",
        "batchTokens": 4096,
        "tokensPerSecond": 90_000,
        "peakMemoryBytes": 2 << 30,
        "plannedMemoryBytes": terms["plannedBytes"],
        "time": "2026-01-02T03:04:05Z",
    }


def test_nobody_is_asked_again_while_that_pod_answers():
    bench = ready()
    bench.pods.answer(TOLD)
    bench.reconcile()
    bench.cluster.writes.clear()
    bench.clock.forward(3600)
    bench.reconcile()
    assert bench.pods.asked == ["10.0.0.7"]
    assert bench.cluster.writes == []


def test_its_successor_is_asked_and_the_figures_stay_until_it_tells():
    bench = ready()
    bench.pods.answer(TOLD)
    bench.reconcile()
    (old,) = bench.cluster.world.all(POD)
    bench.cluster.world.drop(POD, old)
    bench.cluster.add(POD, answering(bench, "docs-embedder-2", "10.0.0.8"))
    bench.reconcile()
    assert measured(bench)["pod"] == "docs-embedder-1"
    bench.pods.answer(TOLD)
    bench.reconcile()
    assert bench.pods.asked == ["10.0.0.7", "10.0.0.8"]
    assert measured(bench)["pod"] == "docs-embedder-2"


def test_a_pod_that_does_not_tell_is_asked_again_after_a_minute():
    bench = ready()
    bench.pods.answer(None)
    assert bench.woken == []
    bench.clock.forward(59)
    bench.reconcile()
    assert len(bench.pods.asked) == 1
    bench.clock.forward(1)
    bench.reconcile()
    assert len(bench.pods.asked) == 2


def test_a_pass_is_made_when_the_pod_may_be_asked_again_and_the_pauses_grow():
    bench = ready()
    for _ in range(9):
        bench.pods.answer(None)
        bench.clock.forward(bench.later_s[-1])
        bench.reconcile()
    assert bench.later_s[:4] == [60, 120, 240, 480]
    assert bench.later_s[-1] == 3600


def test_nothing_is_remembered_of_a_service_that_is_gone():
    bench = ready()
    live = bench.cluster.world.service(KEY)
    assert live is not None
    assert bench.reconciler._seams.applier._applied
    bench.cluster.world.drop(SERVICE, live)
    bench.reconcile()
    assert not bench.reconciler._seams.applier._applied
    assert not bench.reconciler._seams.measuring._asked


def test_figures_of_another_plan_are_neither_kept_nor_asked_for():
    bench = ready()
    bench.pods.answer(TOLD)
    bench.reconcile()
    other = {"embedder": {**GPU_SPEC["embedder"], "maxInputTokens": 256}}
    bench.cluster.add(SERVICE, {**service(other, generation=2), "status": bench.cluster.status})
    bench.reconcile()
    assert measured(bench) is None
    assert len(bench.pods.asked) == 1


def test_a_refused_plan_leaves_the_figures_of_the_pods_that_go_on():
    bench = ready()
    bench.pods.answer(TOLD)
    bench.reconcile()
    broken = {"embedder": {"model": {"uri": "hf://Qwen/Qwen3-Embedding-8B"}, "gpu": {}}}
    broken["embedder"]["gpu"] = {"memory": "4Gi"}
    bench.cluster.add(SERVICE, {**service(broken, generation=2), "status": bench.cluster.status})
    bench.reconcile()
    assert measured(bench)["pod"] == "docs-embedder-1"


def test_a_promise_is_judged_by_what_was_measured():
    bench = ready({**GPU_SPEC, "objective": OBJECTIVE})
    estimated = bench.cluster.condition("ObjectiveMet")["message"]
    assert "(estimated, 0.5 to 1.5 ×)" in estimated
    bench.pods.answer(TOLD)
    bench.reconcile()
    told = bench.cluster.condition("ObjectiveMet")["message"]
    assert "(measured at 90,000 tokens/s in the warm-up, " in told


def test_a_reranker_is_judged_by_whole_requests():
    spec = {"reranker": {"model": {"uri": "hf://BAAI/bge-reranker-v2-m3"}, "gpu": {}}}
    held = []
    for documents in (1, 10):
        bench = Bench()
        objective = {**OBJECTIVE, "documentsPerRequest": documents}
        bench.cluster.serve({**spec, "objective": objective})
        bench.reconcile()
        words = bench.cluster.condition("ObjectiveMet")["message"].split()
        held.append(int(words[words.index("hold") + 1].replace(",", "")))
    assert held[0] // 10 == held[1] > 0
