"""Rules on conditions of an affinity, as Kubernetes checks them when a pod is made.

Source: kubernetes pkg/apis/core/validation/validation.go (ValidateNodeSelectorRequirement).
"""

from __future__ import annotations

from typing import Any, Final

from retrieval_operator.spec.affinity import LabelRequirement, NodeRequirement, NodeTerm, PodTerm
from retrieval_operator.spec.block import Block
from retrieval_operator.spec.choices import NodeOperator
from retrieval_operator.spec.rule import Rule

_LISTS: Final = (NodeOperator.IN.value, NodeOperator.NOT_IN.value)
_NUMBERS: Final = (NodeOperator.GT.value, NodeOperator.LT.value)
_NUMBER: Final = "^-?[0-9]{1,18}$"


def _has_its_values(one: Any) -> bool:
    if one.operator in _LISTS:
        return bool(one.values)
    if one.operator in _NUMBERS:
        return len(one.values) == 1 and one.values[0].lstrip("-").isdigit()
    return not one.values


def _values(on: type[Block]) -> Rule:
    some = "has(self.values) && size(self.values)"
    return Rule(
        on=on,
        at=".values",
        cel=(
            f"self.operator in {list(_LISTS)} ? {some} > 0 : "
            f"self.operator in {list(_NUMBERS)} ? {some} == 1 && "
            f"self.values[0].matches('{_NUMBER}') : !has(self.values) || size(self.values) == 0"
        ),
        holds=_has_its_values,
        says="the operator (%s) does not go with these values: In and NotIn take some, Gt and Lt "
        "one number, Exists and DoesNotExist none",
        facts=("self.operator",),
    )


def _names_a_node(term: NodeTerm) -> bool:
    return all(
        one.key == "metadata.name" and one.operator in _LISTS and len(one.values) == 1
        for one in term.match_fields
    )


AFFINITY_RULES: Final = (
    _values(NodeRequirement),
    _values(LabelRequirement),
    Rule(
        on=NodeTerm,
        at=".matchFields",
        cel=(
            "!has(self.matchFields) || self.matchFields.all(one, one.key == 'metadata.name' && "
            f"one.operator in {list(_LISTS)} && has(one.values) && size(one.values) == 1)"
        ),
        holds=_names_a_node,
        says="matchFields knows metadata.name with In or NotIn and one value only: use "
        "matchExpressions for labels",
    ),
    Rule(
        on=PodTerm,
        at=".labelSelector",
        cel=(
            "has(self.labelSelector) || ((!has(self.matchLabelKeys) || "
            "size(self.matchLabelKeys) == 0) && (!has(self.mismatchLabelKeys) || "
            "size(self.mismatchLabelKeys) == 0))"
        ),
        holds=lambda term: (
            term.label_selector is not None
            or not (term.match_label_keys or term.mismatch_label_keys)
        ),
        says="matchLabelKeys and mismatchLabelKeys narrow a labelSelector: add one",
    ),
)
