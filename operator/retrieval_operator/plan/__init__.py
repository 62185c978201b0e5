"""Decide how to run an embedder or a reranker on the devices there are, and say why.

ask = ask_of(service.spec, service.spec.embedder)
answer = plan(ask, facts_for(component), inventory)             # Plan | Refusal
answer = replan(ask, facts_for(component), inventory, previous)  # for a live object: stays put
waits = waiting((Wanted(ask, pods), …), inventory)              # who finds no device left
verdict = verdict_of(objective, component, plan, measured)       # is a burst held
"""

from retrieval_operator.plan.ask import Ask, GpuAsk, ask_of
from retrieval_operator.plan.capacity import Capacity
from retrieval_operator.plan.hold import condense, replan
from retrieval_operator.plan.objective import (
    Verdict,
    capacity_of,
    judge,
    pods_in_time,
    texts_of,
    verdict_of,
)
from retrieval_operator.plan.planner import plan
from retrieval_operator.plan.result import (
    Budget,
    By,
    Decision,
    Estimate,
    Plan,
    Reason,
    Refusal,
    Remedy,
    Room,
    Term,
)
from retrieval_operator.plan.rows import digest, document, status_of
from retrieval_operator.plan.seats import Waits, Wanted, waiting

__all__ = [
    "Ask",
    "Budget",
    "By",
    "Capacity",
    "Decision",
    "Estimate",
    "GpuAsk",
    "Plan",
    "Reason",
    "Refusal",
    "Remedy",
    "Room",
    "Term",
    "Verdict",
    "Waits",
    "Wanted",
    "ask_of",
    "capacity_of",
    "condense",
    "digest",
    "document",
    "judge",
    "plan",
    "pods_in_time",
    "replan",
    "status_of",
    "texts_of",
    "verdict_of",
    "waiting",
]
