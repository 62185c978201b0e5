"""Rules on what each deployment mode can do: how it scales, rolls out and hands out devices.

They look at the whole spec, because the mode stands there and the fields in the components.
Source: knative/serving pkg/apis/serving/fieldmask.go (which fields of a pod a revision takes).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from retrieval_operator.spec.choices import (
    ComponentName,
    DeploymentMode,
    RolloutStrategy,
    ScalingMetric,
)
from retrieval_operator.spec.component import Component
from retrieval_operator.spec.rule import Rule
from retrieval_operator.spec.service import RetrievalServiceSpec

Holds = Callable[[Component], bool]
_KNATIVE: Final = "self.deploymentMode == 'Knative'"


def _in(mode: DeploymentMode, half: ComponentName, holds: Holds) -> Callable[..., bool]:
    def check(spec: RetrievalServiceSpec) -> bool:
        component: Component | None = getattr(spec, half.value)
        return spec.deployment_mode is not mode or component is None or holds(component)

    return check


def _rules(half: ComponentName) -> Iterator[Rule]:
    at, scaling = f"self.{half.value}", f"self.{half.value}.autoscaling"
    is_scaled = f"!has({at}) || !has({scaling})"
    standard, knative = DeploymentMode.STANDARD, DeploymentMode.KNATIVE
    yield Rule(
        on=RetrievalServiceSpec,
        at=f".{half.value}",
        cel=f"{_KNATIVE} || {is_scaled} || {scaling}.minReplicas > 0 || has({scaling}.wakeQuery)",
        holds=_in(standard, half, _can_wake),
        says="autoscaling.minReplicas 0 needs something that sees load while there are no pods: "
        "set autoscaling.wakeQuery (and install KEDA), set minReplicas to 1, or use deploymentMode "
        "Knative",
    )
    yield Rule(
        on=RetrievalServiceSpec,
        at=f".{half.value}",
        cel=f"{_KNATIVE} || {is_scaled} || !has({scaling}.metric) || "
        f"{scaling}.metric != 'Concurrency'",
        holds=_in(standard, half, _is_standard_metric),
        says="autoscaling.metric Concurrency is measured by Knative only: set QueueWait or CPU, or "
        "use deploymentMode Knative",
    )
    yield Rule(
        on=RetrievalServiceSpec,
        at=f".{half.value}",
        cel=f"!({_KNATIVE}) || {is_scaled} || (!has({scaling}.wakeQuery) && "
        f"!has({scaling}.behavior) && (!has({scaling}.metric) || "
        f"{scaling}.metric == 'Concurrency'))",
        holds=_in(knative, half, _is_for_knative),
        says="Knative scales by Concurrency and wakes pods itself: remove autoscaling.wakeQuery, "
        "autoscaling.behavior and any other metric, or use deploymentMode Standard",
    )
    yield Rule(
        on=RetrievalServiceSpec,
        at=f".{half.value}",
        cel=f"!({_KNATIVE}) || !has({at}) || {at}.rollout.strategy != 'Recreate'",
        holds=_in(knative, half, lambda one: one.rollout.strategy is not RolloutStrategy.RECREATE),
        says="Knative starts a new revision before the old one goes: set rollout.strategy to Auto "
        "or Surge, or use deploymentMode Standard",
    )
    yield Rule(
        on=RetrievalServiceSpec,
        at=f".{half.value}",
        cel=f"!({_KNATIVE}) || !has({at}) || !has({at}.gpu) || !has({at}.gpu.resourceClaims) || "
        f"size({at}.gpu.resourceClaims) == 0",
        holds=_in(knative, half, lambda one: one.gpu is None or not one.gpu.resource_claims),
        says="Knative passes no gpu.resourceClaims on: set gpu.resource, or use deploymentMode "
        "Standard",
    )


def _can_wake(one: Component) -> bool:
    scaling = one.autoscaling
    return scaling is None or scaling.min_replicas > 0 or scaling.wake_query is not None


def _is_standard_metric(one: Component) -> bool:
    return one.autoscaling is None or one.autoscaling.metric is not ScalingMetric.CONCURRENCY


def _is_for_knative(one: Component) -> bool:
    scaling = one.autoscaling
    if scaling is None:
        return True
    is_plain = scaling.wake_query is None and scaling.behavior is None
    return is_plain and scaling.metric in {None, ScalingMetric.CONCURRENCY}


MODE_RULES: Final = tuple(rule for half in ComponentName for rule in _rules(half))
"""What Standard and Knative mode can and cannot do."""
