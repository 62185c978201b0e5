"""Each condition as a pure check of the situation; the order of its questions is its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from retrieval_operator.derive.advice import advice, described
from retrieval_operator.derive.reasons import STAGES, Word
from retrieval_operator.derive.situation import Fault, KServeState, Situation
from retrieval_operator.observe.state import ComponentState, Stage, Trouble, TroubleKind
from retrieval_operator.spec.choices import ComponentName

TRUE: Final = "True"
FALSE: Final = "False"
UNKNOWN: Final = "Unknown"
PROVISION_S: Final = 300.0
"""How long a node may take to join before somebody is asked to act."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether a condition holds, why as one word, and what it means for the reader."""

    status: str
    reason: str
    message: str


def verdicts(situation: Situation) -> Iterator[tuple[str, Verdict]]:
    """Every condition with its verdict, in the order in which they are shown."""
    yield "Accepted", accepted(situation)
    yield "PlanValid", plan_valid(situation)
    yield "KServeAvailable", kserve_available(situation)
    for half in situation.halves:
        yield condition_of(half.name), component_ready(situation, half.state)
    if situation.has_objective:
        yield "ObjectiveMet", objective_met(situation)
    yield "Progressing", progressing(situation)
    yield "Degraded", degraded(situation)
    yield "Ready", ready(situation)


def condition_of(component: ComponentName) -> str:
    """The condition of one component."""
    return f"{component.value.capitalize()}Ready"


def accepted(situation: Situation) -> Verdict:
    """Whether the object is valid and supported."""
    if situation.problems:
        return Verdict(FALSE, situation.rejection, "; ".join(situation.problems))
    return Verdict(TRUE, Word.ACCEPTED, "the object is valid")


def plan_valid(situation: Situation) -> Verdict:
    """Whether every component has a plan."""
    if situation.problems:
        return Verdict(UNKNOWN, Word.NOT_ACCEPTED, "nothing is planned until it is accepted")
    if not situation.is_planned:
        return Verdict(UNKNOWN, Word.INTERNAL, "planning failed; see Degraded")
    refusals = situation.refusals
    if refusals:
        text = "; ".join(f"{one.component.value}: {one}" for one in refusals)
        return Verdict(FALSE, refusals[0].reason.value, text + _still_running(situation))
    return Verdict(TRUE, Word.PLANNED, "; ".join((*_planned(situation), *situation.doubts)))


def kserve_available(situation: Situation) -> Verdict:
    """Whether KServe can be asked to run something."""
    kserve = situation.kserve
    if kserve.state is KServeState.SERVED:
        return Verdict(TRUE, Word.KSERVE_SERVED, "InferenceServices are served")
    advice_by = {
        KServeState.MISSING: "install KServe 0.16 or newer; it is looked for all the time",
        KServeState.UNREACHABLE: "start the KServe controller; this is retried by itself",
        KServeState.SILENT: "look at the logs of the KServe controller",
    }
    said = f"{kserve.message}; " if kserve.message else ""
    return Verdict(FALSE, kserve.state.value, said + advice_by[kserve.state])


def component_ready(situation: Situation, state: ComponentState) -> Verdict:
    """Whether as many pods of a component answer as are asked for."""
    if situation.is_suspended:
        return Verdict(FALSE, Word.SUSPENDED, _suspended((state,)))
    if state.is_asleep:
        return _asleep(state)
    if state.is_full:
        return Verdict(TRUE, Word.ALL_READY, _counted(state))
    trouble = state.trouble
    if trouble is not None:
        text = f"{_counted(state)}; {described(trouble)}; {advice(trouble, state)}"
        return Verdict(FALSE, trouble.kind.value, text)
    if state.inference_service is None:
        return _not_made(situation)
    return Verdict(FALSE, STAGES[state.stage], _counted(state))


def _suspended(states: Iterable[ComponentState]) -> str:
    text = "set spec.suspend to false to start it again"
    left = sum(state.ready for state in states)
    if not left:
        return text
    pods = "1 pod still answers" if left == 1 else f"{left} pods still answer"
    return f"{pods}; {text}"


def _asleep(state: ComponentState) -> Verdict:
    """With Knative a request wakes it and waits; without, nothing answers meanwhile."""
    if state.wakes_on_request:
        return Verdict(TRUE, Word.ASLEEP, "no pod runs; the next request starts one")
    return Verdict(FALSE, Word.ASLEEP, "no pod runs; spec autoscaling.wakeQuery starts one")


def _not_made(situation: Situation) -> Verdict:
    if situation.problems:
        return Verdict(FALSE, Word.NOT_ACCEPTED, "the object is not accepted")
    if situation.refusals:
        return Verdict(FALSE, Word.NOT_PLANNED, "no plan fits; see PlanValid")
    if situation.fault is not None:
        return _faulted(situation, situation.fault)
    return Verdict(FALSE, STAGES[Stage.ABSENT], "the InferenceService is being created")


def objective_met(situation: Situation) -> Verdict:
    """Whether the pods that may run can hold the burst that the object promises."""
    found = [(half.name, half.objective) for half in situation.halves]
    if any(one is None for _, one in found):
        return Verdict(UNKNOWN, Word.NOT_PLANNED, "capacity is judged once every plan fits")
    text = "; ".join(f"{name.value}: {one.message}" for name, one in found if one)
    is_met = all(one.is_met for _, one in found if one)
    reason = Word.BURST_HELD if is_met else Word.BURST_NOT_HELD
    return Verdict(TRUE if is_met else FALSE, reason, text)


def progressing(situation: Situation) -> Verdict:
    """Whether something is on its way to what the object asks for."""
    if situation.is_suspended:
        left = sum(state.ready for state in situation.states)
        text = f"{left} pods are being stopped" if left else "nothing runs"
        return Verdict(TRUE if left else FALSE, Word.SUSPENDED, text)
    stopped = _stopped(situation)
    moving = [s for s in situation.states if not s.is_settled and _alarm(situation, s) is None]
    if moving and stopped is None:
        text = "; ".join(f"{s.name.value}: {_counted(s)}" for s in moving)
        return Verdict(TRUE, STAGES[moving[0].stage], text)
    if stopped is not None:
        return Verdict(FALSE, Word.BLOCKED, f"{stopped.reason}, see Degraded")
    return Verdict(FALSE, Word.COMPLETE, "nothing is on its way")


def degraded(situation: Situation) -> Verdict:
    """Whether something needs somebody's attention."""
    stopped = _stopped(situation)
    if stopped is not None:
        return Verdict(TRUE, stopped.reason, stopped.message)
    if situation.kserve.state is not KServeState.SERVED:
        verdict = kserve_available(situation)
        return Verdict(TRUE, verdict.reason, verdict.message)
    if situation.trifle is not None:
        return Verdict(TRUE, situation.trifle.reason, situation.trifle.message)
    return Verdict(FALSE, Word.AS_PLANNED, "nothing needs attention")


def ready(situation: Situation) -> Verdict:
    """Whether what the object asks for is in force and as many pods of it answer as have to."""
    for verdict in _hindrances(situation):
        return Verdict(FALSE, verdict.reason, verdict.message)
    asleep = [state for state in situation.states if state.is_asleep]
    text = "; ".join(
        f"{s.name.value}: {component_ready(situation, s).message}" for s in situation.states
    )
    return Verdict(TRUE, Word.ASLEEP if asleep else Word.IN_FORCE, text)


def _hindrances(situation: Situation) -> Iterator[Verdict]:
    """Why the service is not ready, what has to be solved first coming first."""
    if situation.is_suspended and not situation.problems:
        yield Verdict(FALSE, Word.SUSPENDED, _suspended(situation.states))
    if situation.kserve.state is KServeState.MISSING:
        yield kserve_available(situation)
    verdict = _refused(situation)
    if verdict is not None:
        yield verdict
    for state in situation.states:
        verdict = component_ready(situation, state)
        if verdict.status != TRUE:
            yield Verdict(FALSE, verdict.reason, f"{state.name.value}: {verdict.message}")
        elif not (state.is_present or state.is_asleep):
            text = f"{state.name.value}: {_counted(state)}"
            yield Verdict(FALSE, STAGES[Stage.ROLLING_OUT], text)


def _refused(situation: Situation) -> Verdict | None:
    """Not accepted, not planned, or not applied."""
    if situation.problems:
        return accepted(situation)
    if situation.refusals:
        return plan_valid(situation)
    return _faulted(situation, situation.fault) if situation.fault is not None else None


def _faulted(situation: Situation, fault: Fault) -> Verdict:
    """Not applied; where KServe is why, in the words that say what to do about it."""
    if fault.reason == situation.kserve.state.value:
        return kserve_available(situation)
    return Verdict(FALSE, fault.reason, fault.message)


def _stopped(situation: Situation) -> Verdict | None:
    """What keeps the service from what the object asks for until somebody acts."""
    refused = _refused(situation)
    if refused is not None:
        return refused
    for state in situation.states:
        trouble = _alarm(situation, state)
        if trouble is not None and not situation.is_suspended:
            text = f"{described(trouble)}; {advice(trouble, state)}"
            return Verdict(FALSE, trouble.kind.value, f"{state.name.value}: {text}")
    return None


def _alarm(situation: Situation, state: ComponentState) -> Trouble | None:
    """The first trouble that somebody has to act on.

    A pod without a node is none while a node may still be on its way, or while it would only be
    one more than have to answer.
    """
    for trouble in state.troubles:
        if trouble.kind is not TroubleKind.UNSCHEDULABLE:
            return trouble
        if not state.is_full and _has_waited(trouble, situation.now):
            return trouble
    return None


def _has_waited(trouble: Trouble, now: datetime) -> bool:
    if trouble.at is None:
        return False
    return (now - datetime.fromisoformat(trouble.at)).total_seconds() >= PROVISION_S


def _counted(state: ComponentState) -> str:
    if state.stage is Stage.ABSENT:
        return "KServe has not made the Deployment yet"
    text = f"{state.ready} of {state.desired} pods answer"
    if state.trouble is not None and state.trouble.kind is TroubleKind.UNSCHEDULABLE:
        text += ", one waits for a node"
    if state.stage is Stage.ROLLING_OUT:
        text += f", {state.updated} of {state.desired} are of the new version"
    return text


def _planned(situation: Situation) -> Iterator[str]:
    for half in situation.halves:
        if half.revision is None:
            continue
        plan = half.revision.plan
        workers = plan.workers.value
        yield (
            f"{half.name.value}: {plan.precision.value.value} on {plan.device}, "
            f"{plan.max_batch_tokens.value} tokens a batch, "
            f"{workers} API worker{'s' if workers > 1 else ''}"
        )


def _still_running(situation: Situation) -> str:
    running = [state for state in situation.states if state.answers]
    if not running:
        return ""
    counts = ", ".join(f"{state.name.value} {state.ready}/{state.desired}" for state in running)
    return f". The pods of the former plan keep answering ({counts})"
