"""Judge whether a service holds the burst it promises, and how many pods would. Pure.

A burst of n requests arrives within one second; a share q of them has to be answered within t
seconds, and none refused. What a pod measured replaces what was estimated, however far it is off.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor
from typing import Final

from retrieval_operator.plan.capacity import Capacity, answered_texts_s
from retrieval_operator.plan.host import CONNECTION_S
from retrieval_operator.plan.result import Plan
from retrieval_operator.spec import status
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.service import Objective

_MOST_REPLICAS: Final = 1000
"""More than the object can ask for; what needs more is not a question of replicas."""


@dataclass(frozen=True, slots=True)
class BurstVerdict:
    """Whether `replicas` pods hold the burst: requests that they hold, and pods that would do.

    `suggested_replicas` is None where no number of pods answers a single request in time.
    """

    is_met: bool
    held_requests: int
    suggested_replicas: int | None
    message: str


def capacity_of(plan: Plan, measured: status.MeasuredStatus | None = None) -> Capacity:
    """One pod's capacity: of its devices what the warm-up measured, else what was estimated."""
    estimate, engines = plan.estimate, max(1, plan.gpu_count)
    rate = measured.tokens_per_second if measured else None
    factor = engines * rate / estimate.tokens_per_s if rate and estimate.tokens_per_s else 1.0
    low, high = estimate.spread
    return Capacity(
        device_texts_s=(estimate.device_texts_per_s or estimate.texts_per_s) * factor,
        answered_texts_s=answered_texts_s(
            plan.component, plan.workers.value, estimate.short_tokens, CONNECTION_S
        ),
        queued_texts=engines * plan.max_queue_tokens.value / estimate.short_tokens,
        basis=f"measured at {rate:,} tokens/s in the warm-up, {factor:.2g} × the estimate"
        if rate
        else f"estimated, {low:g} to {high:g} ×",
    )


def texts_of(objective: Objective, component: ComponentName) -> int:
    """Texts in one request of the burst: a query, or a query with its documents."""
    return 1 if component is ComponentName.EMBEDDER else objective.documents_per_request


def pods_in_time(component: Component) -> int:
    """Pods that are there when a burst comes: those that autoscaling adds come minutes later."""
    scaling = component.autoscaling
    return scaling.min_replicas if scaling is not None else component.replicas or 1


def verdict_of(
    objective: Objective,
    component: Component,
    plan: Plan,
    measured: status.MeasuredStatus | None = None,
) -> BurstVerdict:
    """Whether the pods of a component hold the objective's burst.

    `measured` is what its pods told of their warm-up, and beats the estimate.
    """
    capacity, texts = capacity_of(plan, measured), texts_of(objective, plan.component)
    verdict = judge(objective, capacity, pods_in_time(component), texts)
    scaling = component.autoscaling
    if verdict.is_met or scaling is None:
        return verdict
    most = judge(objective, capacity, scaling.max_replicas, texts).held_requests
    later = f"autoscaling reaches {most} with {scaling.max_replicas} pods, minutes later"
    return replace(verdict, message=f"{verdict.message}; {later}")


def judge(
    objective: Objective, capacity: Capacity, replicas: int, texts_per_request: int = 1
) -> BurstVerdict:
    """Whether this many pods hold the objective's burst; the basis of the condition ObjectiveMet.

    Requests are taken to be spread evenly over the pods. `texts_of` gives `texts_per_request`.
    """
    one = capacity.held(objective.within_seconds, objective.quantile) / texts_per_request
    held = floor(one * replicas)
    asked = objective.requests_per_burst
    needed = ceil(asked / one) if one * _MOST_REPLICAS >= asked else None
    pods = f"{replicas} pod" if replicas == 1 else f"{replicas} pods"
    can = (
        f"{pods} can hold {held:,} requests in 1 s, {objective.quantile:.4g} of them within "
        f"{objective.within_seconds} s ({capacity.basis}); the objective is {asked:,}"
    )
    if held >= asked:
        return BurstVerdict(True, held, needed, can)  # noqa: FBT003
    advice = f"{needed} replicas would hold it" if needed else "no number of replicas would"
    return BurstVerdict(False, held, needed, f"{can}: {advice}")  # noqa: FBT003
