"""Judge whether a service holds the burst it promises, and how many pods would. Pure.

A burst of n requests arrives within one second; a share q of them has to be answered within t
seconds. A pod that answers r requests a second gets r × t ÷ q of them in time, as many as it may
queue beside those it answers while they arrive.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor
from typing import Final

from retrieval_operator.plan.result import Estimate
from retrieval_operator.spec import status
from retrieval_operator.spec.choices import ComponentName
from retrieval_operator.spec.service import Objective

_ARRIVAL_S: Final = 1.0
_MOST_REPLICAS: Final = 1000
"""More than the object can ask for; what needs more is not a question of replicas."""
_CREDIBLE: Final = (0.1, 10.0)
"""A measured rate further than this from the estimate is a broken reading, not a capacity."""


@dataclass(frozen=True, slots=True)
class Capacity:
    """What one pod does: short requests a second, how many of them it may queue, and the source."""

    texts_per_s: float
    queued_texts: float
    basis: str


@dataclass(frozen=True, slots=True)
class BurstVerdict:
    """Whether `replicas` pods hold the burst: requests that they hold, and pods that would do.

    `suggested_replicas` is None where no number of pods answers a single request in time.
    """

    is_met: bool
    held_requests: int
    suggested_replicas: int | None
    message: str


def capacity_of(
    estimate: Estimate,
    max_queue_tokens: int,
    gpus: int,
    measured: status.MeasuredStatus | None = None,
) -> Capacity:
    """One pod's capacity: the estimate, scaled by what its warm-up measured where that is known."""
    engines = max(1, gpus)
    queued = engines * max_queue_tokens / estimate.short_tokens
    rate = measured.tokens_per_second if measured else None
    if not rate or not estimate.tokens_per_s:
        return Capacity(estimate.texts_per_s, queued, "estimated")
    factor = engines * rate / estimate.tokens_per_s
    if not _CREDIBLE[0] <= factor <= _CREDIBLE[1]:
        return Capacity(estimate.texts_per_s, queued, f"estimated; measured is {factor:.2g} of it")
    return Capacity(
        estimate.texts_per_s * factor, queued, f"measured at {rate:,} tokens/s in the warm-up"
    )


def texts_of(objective: Objective, component: ComponentName) -> int:
    """Texts in one request of the burst: a query, or a query with its documents."""
    return 1 if component is ComponentName.EMBEDDER else objective.documents_per_request


def judge(
    objective: Objective, capacity: Capacity, replicas: int, texts_per_request: int = 1
) -> BurstVerdict:
    """Whether this many pods hold the objective's burst; the basis of the condition ObjectiveMet.

    Requests are taken to be spread evenly over the pods. `texts_of` gives `texts_per_request`.
    """
    one = _held_by_one(objective, capacity) / texts_per_request
    held = floor(one * replicas)
    asked = objective.requests_per_burst
    needed = ceil(asked / one) if one * _MOST_REPLICAS >= asked else None
    burst = (
        f"a burst of {asked} requests, {objective.quantile:.4g} of them within "
        f"{objective.within_seconds} s"
    )
    pods = f"{replicas} pod" if replicas == 1 else f"{replicas} pods"
    if held >= asked:
        return BurstVerdict(True, held, needed, f"{pods} hold {held} of {burst} ({capacity.basis})")  # noqa: FBT003
    advice = f"{needed} replicas would" if needed else "no number of replicas would"
    return BurstVerdict(
        False,  # noqa: FBT003
        held,
        needed,
        f"{pods} hold {held} of {burst} ({capacity.basis}); {advice}",
    )


def _held_by_one(objective: Objective, capacity: Capacity) -> float:
    in_time = capacity.texts_per_s * objective.within_seconds / objective.quantile
    admitted = capacity.queued_texts + capacity.texts_per_s * _ARRIVAL_S
    return min(in_time, admitted / objective.quantile)
