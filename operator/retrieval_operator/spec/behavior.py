"""How fast a HorizontalPodAutoscaler moves, with Kubernetes' names.

Source: Kubernetes API reference, autoscaling/v2 HorizontalPodAutoscalerBehavior.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from retrieval_operator.spec.block import Block
from retrieval_operator.spec.choices import PolicyChoice, PolicyType
from retrieval_operator.spec.quantity import Quantity


class ScalingPolicy(Block):
    """The most that may change within a time."""

    type: PolicyType
    """Pods, or Percent of those there are."""
    value: Annotated[int, Field(ge=1, le=100_000)]
    """How many."""
    period_seconds: Annotated[int, Field(ge=1, le=1800)]
    """Within how many seconds."""


class ScalingRules(Block):
    """How fast pods come, or go."""

    stabilization_window_seconds: Annotated[int, Field(ge=0, le=3600)] | None = None
    """Seconds whose most cautious answer counts."""
    select_policy: PolicyChoice | None = None
    """Max: the policy that changes most; Min: least; Disabled: no change in this direction."""
    policies: Annotated[tuple[ScalingPolicy, ...], Field(max_length=8)] = ()
    """The most that may change within a time."""
    tolerance: Quantity | None = None
    """Share of the target by which the metric may be off; needs Kubernetes 1.33."""


class Behavior(Block):
    """How fast pods come and go."""

    scale_up: ScalingRules | None = None
    """How fast pods come."""
    scale_down: ScalingRules | None = None
    """How fast they go."""
