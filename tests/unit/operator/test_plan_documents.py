"""A plan as status and scripts read it."""

import json
from dataclasses import replace

from retrieval_operator.plan import By, Decision, digest, document, status_of
from retrieval_operator.spec.choices import Precision
from tests.support.planning import ask, machine, on, planned, refused


def test_status_holds_every_value_and_its_reason():
    plan = planned(ask(), on("NVIDIA-L4"))
    status = status_of(plan)
    assert status.max_batch_tokens == plan.max_batch_tokens.value
    assert status.gpu_memory is not None
    assert status.gpu_memory.available_bytes == 23034 * 2**20
    reasons = {row.field: row for row in status.decisions}
    assert reasons["batching.maxBatchTokens"].why == plan.max_batch_tokens.why
    assert reasons["precision"].value == "fp16"


def test_planned_memory_leaves_headroom_out():
    plan = planned(ask(), on("NVIDIA-L4"))
    assert plan.gpu_memory is not None
    headroom = plan.gpu_memory.terms[-1].bytes
    assert plan.gpu_memory.planned_bytes == plan.gpu_memory.total_bytes - headroom


def test_a_cpu_plan_has_no_gpu_memory():
    assert status_of(planned(ask(gpu=None), machine())).gpu_memory is None


def test_the_digest_does_not_depend_on_reasons_or_estimates():
    plan = planned(ask(), on("NVIDIA-L4"))
    reworded = replace(
        plan, precision=Decision(plan.precision.value, By.SET, "because"), notes=("a note",)
    )
    assert digest(plan) == digest(reworded)


def test_the_digest_changes_with_every_value_that_reaches_the_pods():
    plan = planned(ask(), on("NVIDIA-L4"))
    changed = [
        replace(plan, precision=Decision(Precision.FP32, By.SET, "")),
        replace(plan, gpu_count=2),
        replace(plan, room=replace(plan.room, batch_tokens=plan.room.batch_tokens * 2)),
        replace(plan, workers=Decision(9, By.SET, "")),
        replace(plan, gpu_memory_cap_bytes=1),
        replace(plan, memory_bytes=Decision(1, By.SET, "")),
    ]
    assert len({digest(one) for one in [plan, *changed]}) == len(changed) + 1


def test_the_digest_does_not_change_with_limits_that_a_running_pod_takes():
    plan = planned(ask(), on("NVIDIA-L4"))
    lower = planned(
        ask(max_batch_tokens=1024, max_batch_size=8, max_queue_tokens=4096), on("NVIDIA-L4")
    )
    assert lower.max_batch_tokens.value == 1024
    assert any("without a restart" in note for note in lower.notes)
    assert digest(lower) == digest(plan)


def test_the_digest_changes_when_a_limit_needs_more_memory():
    plan = planned(ask(), on("NVIDIA-L4"))
    larger = planned(ask(max_batch_tokens=65_536), on("NVIDIA-L4"))
    assert digest(larger) != digest(plan)


def test_the_digest_is_stable_across_versions():
    assert digest(planned(ask(max_queue_tokens=100_000), on("NVIDIA-L4"))) == "9b2e407117cc53a5"


def test_documents_are_plain_data():
    for answer in (planned(ask(), on("NVIDIA-L4")), refused(ask(), machine())):
        assert json.loads(json.dumps(document(answer))) == document(answer)


def test_a_refusal_document_has_reason_message_and_remedies():
    written = document(refused(ask("Qwen/Qwen3-Embedding-8B"), on("Tesla-T4")))
    assert written["fits"] is False
    assert written["reason"] == "ModelDoesNotFit"
    assert written["remedies"]
