"""Whether a plan holds the service's objective, in the words of the condition ObjectiveMet."""

from __future__ import annotations

from retrieval_operator.plan.objective import BurstVerdict, verdict_of
from retrieval_operator.plan.result import Plan
from retrieval_operator.spec.service import RetrievalService


def verdict(service: RetrievalService, plan: Plan) -> BurstVerdict | None:
    """What the estimate of this plan says of the objective; None where none is written down."""
    objective = service.spec.objective
    if objective is None:
        return None
    (component,) = (one for one in service.spec.components if one.name is plan.component)
    return verdict_of(objective, component, plan)
