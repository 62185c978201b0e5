"""Decide how to run an embedder or a reranker on the devices there are, and say why.

ask = ask_of(service.spec, service.spec.embedder)
answer = plan(ask, facts_for(component), inventory)             # Plan | Refusal
answer = revise(wish, revisions, sight)                          # for a live object: stays put
waits = waiting((Wanted(ask, pods), …), inventory)              # who finds no device left
verdict = verdict_of(objective, component, plan, measured)       # is a burst held
"""

from retrieval_operator.plan.ask import Ask, GpuAsk, ask_of
from retrieval_operator.plan.capacity import Capacity
from retrieval_operator.plan.kinds import has_place
from retrieval_operator.plan.objective import (
    BurstVerdict,
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
    NodeKind,
    Plan,
    Reason,
    Refusal,
    Remedy,
    Requirement,
    Room,
    Term,
)
from retrieval_operator.plan.revise import AWAY_S, Sight, Wish, is_same_model, revise
from retrieval_operator.plan.revision import (
    CAUSES,
    Cause,
    Revision,
    data_of,
    draft,
    planner_version,
    revision_of,
)
from retrieval_operator.plan.rows import digest, document, status_of
from retrieval_operator.plan.seats import Waits, Wanted, waiting

__all__ = [
    "AWAY_S",
    "CAUSES",
    "Ask",
    "Budget",
    "BurstVerdict",
    "By",
    "Capacity",
    "Cause",
    "Decision",
    "Estimate",
    "GpuAsk",
    "NodeKind",
    "Plan",
    "Reason",
    "Refusal",
    "Remedy",
    "Requirement",
    "Revision",
    "Room",
    "Sight",
    "Term",
    "Waits",
    "Wanted",
    "Wish",
    "ask_of",
    "capacity_of",
    "data_of",
    "digest",
    "document",
    "draft",
    "has_place",
    "is_same_model",
    "judge",
    "plan",
    "planner_version",
    "pods_in_time",
    "revise",
    "revision_of",
    "status_of",
    "texts_of",
    "verdict_of",
    "waiting",
]
