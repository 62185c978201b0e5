"""Decide how to run an embedder or a reranker on the devices there are, and say why.

ask = ask_of(service.spec, service.spec.embedder)
answer = plan(ask, facts_of(ask.uri), inventory)     # Plan | Refusal
"""

from retrieval_operator.plan.ask import Ask, GpuAsk, ask_of
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
    Term,
)
from retrieval_operator.plan.rows import digest, document, status_of

__all__ = [
    "Ask",
    "Budget",
    "By",
    "Decision",
    "Estimate",
    "GpuAsk",
    "Plan",
    "Reason",
    "Refusal",
    "Remedy",
    "Term",
    "ask_of",
    "digest",
    "document",
    "plan",
    "status_of",
]
