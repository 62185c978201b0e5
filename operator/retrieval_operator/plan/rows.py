"""A plan as rows for people and as the documents that status and scripts read. Pure."""

from __future__ import annotations

import hashlib
import json
from dataclasses import astuple
from typing import Any, Final

from retrieval_operator.plan.result import Budget, Decision, Plan, Refusal
from retrieval_operator.plan.sizes import quantity_text
from retrieval_operator.spec import status
from retrieval_operator.spec.block import Block
from retrieval_operator.spec.quantity import cores_text

DIGEST_ANNOTATION: Final = "retrieval.io/plan-digest"
"""Which plan an InferenceService and its pods are of; KServe passes it on."""
POD_ANNOTATION: Final = "retrieval.io/pod-digest"
"""Which rendered pod an InferenceService and its pods are; KServe passes it on too."""
_DIGEST_LETTERS = 16
_LIMITS = "batching."


def rows(plan: Plan) -> tuple[tuple[str, Decision[object], str], ...]:
    """Every decision: its field in the object, itself, and its value as text."""
    numbers: dict[str, Decision[int]] = {
        "maxInputTokens": plan.max_input_tokens,
        "batching.maxBatchTokens": plan.max_batch_tokens,
        "batching.maxBatchSize": plan.max_batch_size,
        "batching.maxQueueTokens": plan.max_queue_tokens,
        "workers": plan.workers,
        "threads": plan.threads,
    }
    return (
        ("precision", plan.precision, plan.precision.value.value),
        *((field, decision, str(decision.value)) for field, decision in numbers.items()),
        ("resources.limits.cpu", plan.cpu_millicores, cores_text(plan.cpu_millicores.value)),
        (
            "resources.requests.cpu",
            plan.requested_millicores,
            cores_text(plan.requested_millicores.value),
        ),
        ("resources.memory", plan.memory_bytes, quantity_text(plan.memory_bytes.value)),
    )


def digest(plan: Plan) -> str:
    """A fingerprint of everything that restarts the pods when it changes.

    Reasons are not in it, nor are the limits of batch and queue: a running pod takes new ones, as
    long as they stay within the room it was started with.
    """
    values: dict[str, object] = {
        field: text for field, _, text in rows(plan) if not field.startswith(_LIMITS)
    }
    values |= {
        "resource": plan.gpu_resource,
        "cap": plan.gpu_memory_cap_bytes,
        "gpus": plan.gpu_count,
        "room": astuple(plan.room),
    }
    text = json.dumps(values, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGEST_LETTERS]


def status_of(plan: Plan, mark: str | None = None) -> status.PlanStatus:
    """The plan as `status.components.<name>.plan` shows it; `mark` is its stored digest."""
    estimate = plan.estimate
    return status.PlanStatus(
        digest=mark or digest(plan),
        device=plan.device,
        basis=plan.basis,
        precision=plan.precision.value,
        workers=plan.workers.value,
        threads=plan.threads.value,
        max_input_tokens=plan.max_input_tokens.value,
        max_batch_tokens=plan.max_batch_tokens.value,
        max_batch_size=plan.max_batch_size.value,
        max_queue_tokens=plan.max_queue_tokens.value,
        gpu_memory=_budget(plan.gpu_memory) if plan.gpu_memory else None,
        memory=_budget(plan.memory),
        estimate=status.EstimateStatus(
            tokens_per_second=estimate.tokens_per_s,
            text_tokens=estimate.text_tokens,
            texts_per_second=estimate.texts_per_s,
            short_tokens=estimate.short_tokens,
            burst_texts=estimate.burst_texts,
            basis=estimate.basis,
        ),
        decisions=tuple(
            status.DecisionStatus(field=field, value=text, by=decision.by.value, why=decision.why)
            for field, decision, text in rows(plan)
        ),
        notes=plan.notes,
        holds_for=tuple(str(kind) for kind in plan.kinds),
    )


def document(answer: Plan | Refusal) -> dict[str, Any]:
    """The answer as plain data for `-o json` and `-o yaml`; a plan reads as it does in status."""
    if isinstance(answer, Refusal):
        return _refusal(answer)
    return {
        "component": answer.component.value,
        "fits": True,
        "model": answer.facts.name,
        "plan": _plain(status_of(answer)),
    }


def _refusal(refusal: Refusal) -> dict[str, Any]:
    budget = {"memory": _plain(_budget(refusal.budget))} if refusal.budget else {}
    return {
        "component": refusal.component.value,
        "fits": False,
        "reason": refusal.reason.value,
        "message": refusal.message,
        **budget,
        "remedies": [remedy.text for remedy in refusal.remedies],
        "advice": list(refusal.advice),
    }


def _budget(budget: Budget) -> status.BudgetStatus:
    return status.BudgetStatus(
        available_bytes=budget.available_bytes,
        planned_bytes=budget.planned_bytes,
        basis=budget.basis,
        terms=tuple(
            status.TermStatus(name=term.name, bytes=term.bytes, basis=term.basis)
            for term in budget.terms
        ),
    )


def _plain(block: Block) -> dict[str, Any]:
    written: dict[str, Any] = block.model_dump(mode="json", by_alias=True, exclude_none=True)
    return written
