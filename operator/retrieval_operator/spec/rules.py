"""Every rule that spans fields, declared once for the API server and for Python."""

from __future__ import annotations

import re
from typing import Any, Final

from retrieval_operator.spec.affinity_rules import AFFINITY_RULES
from retrieval_operator.spec.amount_rules import AMOUNT_RULES
from retrieval_operator.spec.block import Block
from retrieval_operator.spec.choices import Precision, Scoring
from retrieval_operator.spec.component import Autoscaling, Batching, Component, Reranker
from retrieval_operator.spec.mode_rules import MODE_RULES
from retrieval_operator.spec.pod_rules import POD_RULES, keys_are_labels
from retrieval_operator.spec.rule import Immutable, Rule
from retrieval_operator.spec.service import Metadata, Objective, PodMonitor, RetrievalServiceSpec
from retrieval_operator.spec.source_rules import GPU_RULES, SOURCE_RULES

MAX_NAME_LENGTH: Final = 39
"""KServe's label `app: isvc.NAME-embedder-predictor` may have 63 characters.

Source: kserve 0.20 pkg/constants/constants.go, GetRawServiceLabel.
"""
_NAME = "^[a-z]([-a-z0-9]*[a-z0-9])?$"


def _at_most(smaller: Any, larger: Any) -> bool:
    return smaller is None or larger is None or bool(smaller <= larger)


RULES: Final = (
    Rule(
        on=Metadata,
        at=".name",
        cel=f"size(self.name) <= {MAX_NAME_LENGTH}",
        holds=lambda meta: len(meta.name) <= MAX_NAME_LENGTH,
        says=f"the name must have at most {MAX_NAME_LENGTH} characters (this one has %d): labels, "
        "objects and hosts are named after it",
        facts=("size(self.name)",),
    ),
    Rule(
        on=Metadata,
        at=".name",
        cel=f"self.name.matches('{_NAME}')",
        holds=lambda meta: re.fullmatch(_NAME, meta.name) is not None,
        says="the name (%s) must start with a letter and hold only a-z, 0-9 and -: it becomes "
        "part of a host name",
        facts=("self.name",),
    ),
    Rule(
        on=RetrievalServiceSpec,
        at="",
        cel="has(self.embedder) || has(self.reranker)",
        holds=lambda spec: bool(spec.components),
        says="at least one of embedder and reranker is needed: add embedder: {} or reranker: {} to "
        "start with the model of the predictor's image",
    ),
    Rule(
        on=Component,
        at=".replicas",
        cel="!has(self.replicas) || !has(self.autoscaling)",
        holds=lambda half: half.replicas is None or half.autoscaling is None,
        says="replicas (%d) and autoscaling (up to %d) must not both be set: remove one",
        facts=("self.replicas", "self.autoscaling.maxReplicas"),
    ),
    Rule(
        on=Autoscaling,
        at=".minReplicas",
        cel="self.minReplicas <= self.maxReplicas",
        holds=lambda scaling: scaling.min_replicas <= scaling.max_replicas,
        says="minReplicas (%d) must not be above maxReplicas (%d): lower the first or raise the "
        "second",
        facts=("self.minReplicas", "self.maxReplicas"),
    ),
    Rule(
        on=Component,
        at=".batching",
        cel=(
            "!has(self.maxInputTokens) || !has(self.batching) || "
            "!has(self.batching.maxBatchTokens) || "
            "self.maxInputTokens <= self.batching.maxBatchTokens"
        ),
        holds=lambda half: _at_most(half.max_input_tokens, half.batching.max_batch_tokens),
        says="batching.maxBatchTokens (%d) must not be below maxInputTokens (%d), or the longest "
        "text would never fit a batch: raise the first or lower the second",
        facts=("self.batching.maxBatchTokens", "self.maxInputTokens"),
    ),
    Rule(
        on=Component,
        at=".batching",
        cel=(
            "!has(self.maxInputTokens) || !has(self.batching) || "
            "!has(self.batching.maxQueueTokens) || "
            "self.maxInputTokens <= self.batching.maxQueueTokens"
        ),
        holds=lambda half: _at_most(half.max_input_tokens, half.batching.max_queue_tokens),
        says="batching.maxQueueTokens (%d) must not be below maxInputTokens (%d), or the longest "
        "text would always get 429: raise the first or lower the second",
        facts=("self.batching.maxQueueTokens", "self.maxInputTokens"),
    ),
    Rule(
        on=Batching,
        at=".maxQueueTokens",
        cel=(
            "!has(self.maxBatchTokens) || !has(self.maxQueueTokens) || "
            "self.maxBatchTokens <= self.maxQueueTokens"
        ),
        holds=lambda batching: _at_most(batching.max_batch_tokens, batching.max_queue_tokens),
        says="maxQueueTokens (%d) must not be below maxBatchTokens (%d), or no batch would ever be "
        "full: raise the first or lower the second",
        facts=("self.maxQueueTokens", "self.maxBatchTokens"),
    ),
    Rule(
        on=Component,
        at=".precision",
        cel="self.precision != 'fp16' || has(self.gpu)",
        holds=lambda half: half.precision is not Precision.FP16 or half.gpu is not None,
        says="precision fp16 needs a GPU: add gpu: {}, or set precision to Auto, fp32 or bf16",
    ),
    Rule(
        on=Component,
        at=".precision",
        cel="self.precision != 'int8' || !has(self.gpu)",
        holds=lambda half: half.precision is not Precision.INT8 or half.gpu is None,
        says="precision int8 is for CPUs: remove gpu, or set precision to Auto, fp16 or bf16",
    ),
    *SOURCE_RULES,
    Rule(
        on=Reranker,
        at=".prompts",
        cel="!has(self.prompts) || size(self.prompts) == 0 || "
        "!(self.scoring in ['CrossEncoder', 'YesNo'])",
        holds=lambda half: (
            not half.prompts or half.scoring not in {Scoring.CROSS_ENCODER, Scoring.YES_NO}
        ),
        says="scoring by CrossEncoder or YesNo (here %s) reads query and document as one text and "
        "takes no prompts: remove prompts, or set instruction",
        facts=("self.scoring",),
    ),
    Rule(
        on=Reranker,
        at=".instruction",
        cel="!has(self.instruction) || !(self.scoring in ['LateInteraction', 'BiEncoder'])",
        holds=lambda half: (
            half.instruction is None
            or half.scoring not in {Scoring.LATE_INTERACTION, Scoring.BI_ENCODER}
        ),
        says="scoring by LateInteraction or BiEncoder (here %s) takes no instruction: remove it, "
        "or set prompts.query",
        facts=("self.scoring",),
    ),
    *GPU_RULES,
    *AMOUNT_RULES,
    Rule(
        on=Objective,
        at=".quantile",
        cel="self.quantile >= 0.5 && self.quantile <= 0.9999",
        holds=lambda objective: 0.5 <= objective.quantile <= 0.9999,
        says="quantile (%s) must be from 0.5 to 0.9999",
        facts=("self.quantile",),
    ),
    keys_are_labels(PodMonitor, "labels"),
    *MODE_RULES,
    *POD_RULES,
    *AFFINITY_RULES,
)
"""Every rule, in the order their messages are shown."""

IMMUTABLE: Final = (
    Immutable(
        on=RetrievalServiceSpec,
        field="deploymentMode",
        says="deploymentMode is immutable: delete the object and create it anew",
    ),
)
"""Fields that cannot change after creation. A laptop has no earlier object to compare with."""


def rules_of(block: type[Block]) -> tuple[Rule, ...]:
    """The rules that blocks of this type have to keep."""
    return tuple(rule for rule in RULES if issubclass(block, rule.on))
