"""derive(situation, previous) -> Status: what the object's status should be now. Pure.

The same situation twice gives the same status, so a status is written only when something changed.
A condition's time moves when its status flips, and never else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from retrieval_operator.derive.conditions import FALSE, TRUE, verdicts
from retrieval_operator.derive.situation import Situation
from retrieval_operator.observe.state import ComponentState, Trouble, TroubleKind
from retrieval_operator.plan import Plan, status_of
from retrieval_operator.spec.choices import ComponentName, Phase
from retrieval_operator.spec.status import (
    Components,
    ComponentStatus,
    Condition,
    Failure,
    Replicas,
    Status,
)

_MOST_MESSAGE: Final = 8192
_MOST_LINE: Final = 1024


def read(written: Mapping[str, Any] | None) -> Status:
    """The status that an object carries; an empty one where it cannot be read."""
    try:
        return Status.model_validate_json(json.dumps(written or {}), by_alias=True, by_name=False)
    except (ValidationError, TypeError, ValueError):
        return Status()


def derive(situation: Situation, previous: Status) -> Status:
    """The status of this situation; what it keeps of the past comes from `previous`."""
    conditions = _conditions(situation, previous)
    components = {
        name.value: _component(situation, state, _before(previous, name))
        for name, state in situation.states.items()
    }
    plans = [one.plan for one in components.values() if one.plan is not None]
    return Status(
        observed_generation=situation.generation,
        phase=_phase(situation, {one.type: one.status for one in conditions}),
        gpu=_listed(plan.device for plan in plans),
        precision=_listed(plan.precision for plan in plans),
        conditions=conditions,
        components=Components(**components),
    )


def document(status: Status) -> dict[str, Any]:
    """The status as it is written: without what is empty."""
    written: dict[str, Any] = _filled(
        status.model_dump(mode="json", by_alias=True, exclude_none=True)
    )
    return written


def _conditions(situation: Situation, previous: Status) -> tuple[Condition, ...]:
    before = {condition.type: condition for condition in previous.conditions}
    now = time_text(situation.now)
    conditions = []
    for kind, verdict in verdicts(situation):
        known = before.get(kind)
        is_same = known is not None and known.status == verdict.status
        conditions.append(
            Condition.model_validate(
                {
                    "type": kind,
                    "status": verdict.status,
                    "reason": str(verdict.reason),
                    "message": verdict.message[:_MOST_MESSAGE],
                    "observed_generation": situation.generation,
                    "last_transition_time": known.last_transition_time
                    if known and is_same
                    else now,
                }
            )
        )
    return tuple(conditions)


def _component(
    situation: Situation, state: ComponentState, before: ComponentStatus
) -> ComponentStatus:
    answer = situation.answers.get(state.name)
    plan = answer if isinstance(answer, Plan) else None
    is_suspended = situation.is_suspended
    return ComponentStatus(
        inference_service=state.inference_service,
        url=state.url,
        ready="-" if is_suspended else f"{state.ready}/{state.desired}",
        replicas=Replicas(desired=state.desired, updated=state.updated, ready=state.ready),
        plan=status_of(plan) if plan else before.plan,
        effective_config={name: text[:_MOST_LINE] for name, text in state.settings.items()},
        measured=situation.measured.get(state.name) if plan else before.measured,
        last_failure=_failure(situation, state, before.last_failure),
    )


def _failure(situation: Situation, state: ComponentState, before: Failure | None) -> Failure | None:
    """The latest trouble; kept after it is gone, until all pods answer again."""
    if state.is_settled:
        return None
    trouble = state.trouble
    if trouble is None:
        return before
    return Failure(
        reason=trouble.reason[:128],
        message=trouble.message[:4096],
        pod=trouble.pod,
        exit_code=trouble.exit_code if _is_code(trouble.exit_code) else None,
        time=trouble.at or _since(trouble, before) or time_text(situation.now),
    )


def _is_code(code: int | None) -> bool:
    return code is not None and -1 <= code <= 255


def _since(trouble: Trouble, before: Failure | None) -> str | None:
    if before is not None and (before.reason, before.pod) == (trouble.reason, trouble.pod):
        return before.time
    return None


def _phase(situation: Situation, holds: Mapping[str, str]) -> Phase:
    if situation.problems or situation.refusals:
        return Phase.REFUSED
    if situation.is_suspended:
        return Phase.SUSPENDED
    if holds["Ready"] == TRUE and holds["Degraded"] == FALSE:
        return Phase.READY
    if holds["Degraded"] == TRUE:
        return Phase.PENDING if _only_waits(situation) else Phase.DEGRADED
    made = any(state.inference_service for state in situation.states.values())
    return Phase.PROGRESSING if made else Phase.PENDING


def _only_waits(situation: Situation) -> bool:
    """Whether nothing is wrong but that pods wait for a node, and none has answered."""
    troubles = [trouble for state in situation.states.values() for trouble in state.troubles]
    return bool(troubles) and all(trouble.kind is TroubleKind.UNSCHEDULABLE for trouble in troubles)


def _before(previous: Status, name: ComponentName) -> ComponentStatus:
    components = previous.components
    found = getattr(components, name.value) if components is not None else None
    return found if found is not None else ComponentStatus()


def _listed(values: Any) -> str | None:
    """Different values once each, in order, for a column."""
    return ", ".join(dict.fromkeys(str(value) for value in values if value)) or None


def _filled(value: Any) -> Any:
    if isinstance(value, dict):
        kept = {name: _filled(item) for name, item in value.items()}
        return {name: item for name, item in kept.items() if item not in ({}, [])}
    return [_filled(item) for item in value] if isinstance(value, list) else value


def time_text(moment: datetime) -> str:
    """A time as Kubernetes writes it: UTC, whole seconds."""
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def reason_of(status: Status, kind: str) -> tuple[str, str] | None:
    """Status and reason of one condition."""
    for condition in status.conditions:
        if condition.type == kind:
            return condition.status, condition.reason
    return None
