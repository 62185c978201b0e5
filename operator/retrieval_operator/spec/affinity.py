"""Kubernetes' Affinity: which nodes a pod prefers, which pods it wants beside it or far away.

Source: Kubernetes API reference, core/v1 Affinity.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from retrieval_operator.spec.block import Block, LabelKey, LabelValue, Namespace
from retrieval_operator.spec.choices import LabelOperator, NodeOperator

Values = Annotated[tuple[LabelValue, ...], Field(max_length=64)]
Weight = Annotated[int, Field(ge=1, le=100)]
_Some = Field(max_length=16)


class NodeRequirement(Block):
    """One condition on a label or a field of a node."""

    key: LabelKey
    """Label, or metadata.name in matchFields."""
    operator: NodeOperator
    """How the label is compared."""
    values: Values = ()
    """Values to compare with: some for In and NotIn, none for Exists, one number for Gt and Lt."""


class NodeTerm(Block):
    """Conditions that a node has to meet all at once."""

    match_expressions: Annotated[tuple[NodeRequirement, ...], _Some] = ()
    """Conditions on labels."""
    match_fields: Annotated[tuple[NodeRequirement, ...], _Some] = ()
    """Conditions on fields."""


class NodeSelector(Block):
    """Nodes that meet one of several terms."""

    node_selector_terms: Annotated[tuple[NodeTerm, ...], Field(min_length=1, max_length=16)]
    """One of these has to be met."""


class PreferredNodes(Block):
    """Nodes that are liked better."""

    weight: Weight
    """How much, from 1 to 100."""
    preference: NodeTerm
    """Which."""


class NodeAffinity(Block):
    """Which nodes the pod may, and would rather, run on."""

    required_during_scheduling_ignored_during_execution: NodeSelector | None = None
    """Nodes that it may run on."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredNodes, ...], _Some
    ] = ()
    """Nodes that it would rather run on."""


class LabelRequirement(Block):
    """One condition on a label."""

    key: LabelKey
    """Label."""
    operator: LabelOperator
    """How it is compared."""
    values: Values = ()
    """Values to compare with: some for In and NotIn, none for Exists and DoesNotExist."""


class LabelSelector(Block):
    """Objects by their labels; empty: all."""

    match_labels: Annotated[Mapping[str, LabelValue], Field(max_length=32)] = {}
    """Labels they have."""
    match_expressions: Annotated[tuple[LabelRequirement, ...], _Some] = ()
    """Conditions on their labels."""


Keys = Annotated[tuple[LabelKey, ...], Field(max_length=16)]


class PodTerm(Block):
    """Pods, and what counts as beside them."""

    topology_key: LabelKey
    """Node label whose value is the same beside: kubernetes.io/hostname, or that of a zone."""
    label_selector: LabelSelector | None = None
    """Which pods."""
    namespaces: Annotated[tuple[Namespace, ...], Field(max_length=32)] = ()
    """Of which namespaces. Omitted: the pod's own."""
    namespace_selector: LabelSelector | None = None
    """Of which namespaces, by their labels."""
    match_label_keys: Keys = ()
    """Labels that have to be equal on both pods."""
    mismatch_label_keys: Keys = ()
    """Labels that have to differ."""


class PreferredPods(Block):
    """Pods that are liked better as neighbours."""

    weight: Weight
    """How much, from 1 to 100."""
    pod_affinity_term: PodTerm
    """Which."""


class PodAffinity(Block):
    """Pods that the pod must be, or would rather be, beside; or apart from."""

    required_during_scheduling_ignored_during_execution: Annotated[tuple[PodTerm, ...], _Some] = ()
    """What must be so."""
    preferred_during_scheduling_ignored_during_execution: Annotated[
        tuple[PreferredPods, ...], _Some
    ] = ()
    """What would be better."""


class Affinity(Block):
    """Where the pod may run, by nodes and by neighbours."""

    node_affinity: NodeAffinity | None = None
    """Which nodes; `gpu.products` is added to its terms."""
    pod_affinity: PodAffinity | None = None
    """Beside which pods."""
    pod_anti_affinity: PodAffinity | None = None
    """Apart from which pods."""
