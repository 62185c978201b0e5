"""When a service is to be looked at again, though nothing may happen by then. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from retrieval_operator.derive import KServeState, Situation, Word
from retrieval_operator.derive.conditions import PROVISION_S
from retrieval_operator.observe import ComponentState, Stage, TroubleKind
from retrieval_operator.plan import AWAY_S, Reason
from retrieval_operator.reconcile.models import SOON_S
from retrieval_operator.reconcile.silence import SILENT_S
from retrieval_operator.reconcile.view import Applied
from retrieval_operator.reconcile.webhook import AGAIN_S
from retrieval_operator.runtime.workqueue import Done, Failed, Outcome

_MISSING_AGAIN_S: Final = 30.0
_CONTESTED_AGAIN_S: Final = 10.0
_TRIFLE_AGAIN_S: Final = 300.0
_STARTING_AGAIN_S: Final = 15.0


def outcome(situation: Situation, applied: Applied) -> Outcome:
    """When the service is to be looked at again. Pure."""
    faults = [one for one in situation.faults if not one.is_optional]
    if faults and all(one.reason is Word.CONTESTED for one in faults):
        return Done(again_s=_CONTESTED_AGAIN_S)
    if situation.kserve.state is KServeState.UNREACHABLE:
        return Failed(at_most_s=AGAIN_S)
    if faults:
        return Failed()
    return Done(again_s=min(_waits_s(situation, applied), default=None))


def _waits_s(situation: Situation, applied: Applied) -> Iterator[float]:
    """Nothing may ever happen of these, so somebody has to look."""
    if situation.faults:
        yield _TRIFLE_AGAIN_S
    if situation.kserve.state is not KServeState.SERVED:
        yield _MISSING_AGAIN_S
    if any(one.reason is Reason.UNKNOWN_MODEL for one in situation.refusals):
        yield SOON_S  # the hub may answer by then
    yield from (
        AWAY_S - one.away_s for one in applied.decided.halves if 0 < AWAY_S - one.away_s < AWAY_S
    )
    if not situation.is_suspended:
        for state in situation.states:
            yield from _patience_s(state)


def _patience_s(state: ComponentState) -> Iterator[float]:
    if state.inference_service is not None and not state.is_passed_on:
        yield SILENT_S
    if state.stage is Stage.STARTING:
        yield _STARTING_AGAIN_S
    if any(one.kind is TroubleKind.UNSCHEDULABLE for one in state.troubles):
        yield PROVISION_S
