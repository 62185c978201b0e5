"""derive(situation, previous) -> Status: what the object's status should be now. Pure.

The same situation twice gives the same status, so a status is written only when something changed.
A condition's time moves when its status flips, and never else.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from pydantic import ValidationError

from retrieval_operator.derive.conditions import FALSE, TRUE, verdicts
from retrieval_operator.derive.situation import Half, Situation
from retrieval_operator.observe.state import ComponentState, Trouble, TroubleKind
from retrieval_operator.plan import Revision, status_of
from retrieval_operator.spec.choices import ComponentName, Phase
from retrieval_operator.spec.status import (
    Components,
    ComponentStatus,
    Condition,
    Failure,
    Replicas,
    RevisionStatus,
    Status,
)

_MOST_MESSAGE: Final = 8192
_MOST_LINE: Final = 1024
_MOST_CUTS: Final = 8


def read(written: Mapping[str, Any] | None) -> Status:
    """The status that an object carries, without what this version does not understand of it."""
    found = json.loads(json.dumps(written or {}))
    for _ in range(_MOST_CUTS):
        try:
            return Status.model_validate_json(json.dumps(found), by_alias=True, by_name=False)
        except ValidationError as error:
            for one in reversed(error.errors()):
                is_missing = one["type"] == "missing"
                _cut(found, one["loc"][:-1] if is_missing else one["loc"])
    return Status()


def _cut(document: Any, path: Sequence[str | int]) -> None:
    """Take out what stands at the end of this path."""
    for step in path[:-1]:
        document = _at(document, step)
    if path and _at(document, path[-1]) is not None:
        del document[path[-1]]


def _at(document: Any, step: str | int) -> Any:
    if isinstance(document, dict):
        return document.get(step)
    is_there = isinstance(document, list) and isinstance(step, int) and step < len(document)
    return document[step] if is_there else None


def derive(situation: Situation, previous: Status) -> Status:
    """The status of this situation; what it keeps of the past comes from `previous`."""
    conditions = _conditions(situation, previous)
    components = {
        half.name.value: _component(situation, half, component_before(previous, half.name))
        for half in situation.halves
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


def _component(situation: Situation, half: Half, before: ComponentStatus) -> ComponentStatus:
    state, stored = half.state, half.revision
    return ComponentStatus(
        inference_service=state.inference_service,
        url=state.url,
        ready="-"
        if situation.is_suspended and not state.ready
        else f"{state.ready}/{state.desired}",
        replicas=Replicas(desired=state.desired, updated=state.updated, ready=state.ready),
        revision=_revision(stored, half) if stored and half.is_stored else before.revision,
        plan=status_of(stored.plan, stored.digest) if stored else before.plan,
        effective_config={name: text[:_MOST_LINE] for name, text in state.settings.items()},
        measured=half.measured if stored else before.measured,
        last_failure=_failure(situation, state, before.last_failure),
    )


def _revision(stored: Revision, half: Half) -> RevisionStatus:
    return RevisionStatus(
        number=stored.number,
        cause=stored.cause.value,
        why=stored.why[:_MOST_LINE] or None,
        made=stored.made,
        planner=stored.planner[:64],
        image=stored.image[:_MOST_LINE],
        is_pinned=half.is_pinned or None,
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
    if situation.states and all(state.is_asleep for state in situation.states):
        return Phase.ASLEEP
    if holds["Ready"] == TRUE and holds["Degraded"] == FALSE:
        return Phase.READY
    if holds["Degraded"] == TRUE:
        return Phase.PENDING if _only_waits(situation) else Phase.DEGRADED
    made = any(state.inference_service for state in situation.states)
    return Phase.PROGRESSING if made and not _only_waits(situation) else Phase.PENDING


def _only_waits(situation: Situation) -> bool:
    """Whether nothing is wrong but that pods wait for a node, and none has answered."""
    troubles = [trouble for state in situation.states for trouble in state.troubles]
    return bool(troubles) and all(trouble.kind is TroubleKind.UNSCHEDULABLE for trouble in troubles)


def component_before(previous: Status, name: ComponentName) -> ComponentStatus:
    """What a former status says of a component; empty where it says nothing."""
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
