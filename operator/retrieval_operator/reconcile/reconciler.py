"""One pass over one service. Runs in a worker's thread; reads the store and writes the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from retrieval_operator.derive import (
    Fault,
    KServe,
    KServeState,
    Reason,
    Situation,
    derive,
    document,
    news,
    read,
)
from retrieval_operator.derive.news import event
from retrieval_operator.errors import ClusterError, SpecError
from retrieval_operator.observe import (
    ComponentState,
    Stage,
    hindrance,
    longest_starting,
    observe,
)
from retrieval_operator.plan import Plan, Refusal
from retrieval_operator.plan import Reason as Refused
from retrieval_operator.queue import Done, Failed, Outcome
from retrieval_operator.reconcile.applying import Applier, Cluster
from retrieval_operator.reconcile.measuring import Measuring
from retrieval_operator.reconcile.models import SOON_S
from retrieval_operator.reconcile.planning import Planning, component_before, objectives
from retrieval_operator.reconcile.silence import SILENT_S, silence
from retrieval_operator.reconcile.webhook import AGAIN_S
from retrieval_operator.render import (
    Context,
    doubts,
    impossible,
    render,
)
from retrieval_operator.spec import (
    ComponentName,
    RetrievalService,
    parse,
    unsupported,
    with_defaults,
)
from retrieval_operator.spec.status import Status
from retrieval_operator.world import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    POD,
    SERVICE,
    Document,
    Key,
    Store,
    ref_of,
)

_KSERVE_LABEL: Final = "serving.kserve.io/inferenceservice"
_MISSING_AGAIN_S: Final = 30.0
_CONTESTED_AGAIN_S: Final = 10.0
_WAITS_S: Final = {Stage.ABSENT: SILENT_S, Stage.STARTING: 15.0}
"""Stages in which nothing may ever happen, and how soon somebody has to look why."""


class Ears(Protocol):
    """Who hears what a pass did, for metrics and the log."""

    def failed(self, key: Key, error: Exception) -> None:
        """A part of the pass failed in a way that nobody foresaw."""

    def changed(self, key: Key, before: Status, after: Status) -> None:
        """The status was written."""


@dataclass(frozen=True, slots=True)
class Parsed:
    """The object as read: the service, or why it is not accepted."""

    service: RetrievalService | None
    problems: tuple[str, ...] = ()
    rejection: Reason = Reason.INVALID


class Reconciler:
    """Passes over services; `context` is asked anew each time, for kinds come and go."""

    def __init__(  # noqa: PLR0913 - the seams of a pass, each passed by name
        self,
        *,
        world: Store,
        cluster: Cluster,
        planning: Planning,
        measuring: Measuring,
        applier: Applier,
        context: Callable[[], Context],
        ears: Ears,
        instance: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._world = world
        self._cluster = cluster
        self._planning = planning
        self._measuring = measuring
        self._applier = applier
        self._context = context
        self._ears = ears
        self._instance = instance
        self._clock = clock

    def reconcile(self, key: Key) -> Outcome:
        """One pass.

        Raises:
            ClusterError: Nothing can be written now; the pass is to be repeated.
        """
        live = self._world.service(key)
        if live is None or live["metadata"].get("deletionTimestamp"):
            return Done()  # the garbage collector deletes what it owned
        before, parsed = read(live.get("status")), accept(live, self._context())
        acted = self._act(key, live, parsed, before)
        situation = self._measured(key, parsed, before, self._seen(key, live, parsed, acted))
        self._tell(key, live, before, derive(situation, before))
        return self._outcome(situation)

    def _act(self, key: Key, live: Document, parsed: Parsed, before: Status) -> Situation:
        """Plan, render, apply and prune; what came of it, without what runs."""
        situation = Situation(
            generation=int(live["metadata"].get("generation") or 0),
            now=self._clock(),
            states={},
            problems=parsed.problems,
            rejection=parsed.rejection,
        )
        service = parsed.service
        if service is None or parsed.problems:
            return situation
        situation = replace(situation, is_suspended=service.spec.suspend)
        try:
            answers = self._planning.answers(service, before)
            situation = replace(situation, answers=answers)
            faults, kserve = self._apply(live, service, answers)
            return replace(
                situation, faults=faults, kserve=kserve, doubts=doubts(service, self._context())
            )
        except ClusterError:
            raise
        except Exception as error:  # noqa: BLE001 - one object must never stop the others
            self._ears.failed(key, error)
            fault = Fault(Reason.INTERNAL, f"{type(error).__name__}; see the operator's log")
            return replace(situation, faults=(fault,))

    def _apply(
        self,
        live: Document,
        service: RetrievalService,
        answers: Mapping[ComponentName, Plan | Refusal],
    ) -> tuple[tuple[Fault, ...], KServe]:
        context = self._context()
        if INFERENCE_SERVICE.api_version not in context.api_versions:
            return (), KServe(KServeState.MISSING)
        plans = {name: one for name, one in answers.items() if isinstance(one, Plan)}
        manifests = render(service, plans, context)
        faults, kserve = self._applier.apply(live, manifests)
        spared = {name.value for name in answers if name not in plans}
        self._applier.prune(live, map(ref_of, manifests), spared)
        return faults, kserve

    def _seen(self, key: Key, live: Document, parsed: Parsed, acted: Situation) -> Situation:
        states = {name: self._state(key, live, name) for name in _asked(live, parsed)}
        silent = silence(self._world, key, states, self._clock())
        kserve = acted.kserve
        if kserve.state is KServeState.SERVED and silent and silent[0] >= SILENT_S:
            kserve = KServe(KServeState.SILENT, silent[1])
        return replace(acted, states=states, kserve=kserve)

    def _measured(self, key: Key, parsed: Parsed, before: Status, seen: Situation) -> Situation:
        """With what pods have told of the plans, and whether these hold what is promised."""
        if parsed.service is None:
            return seen
        told = {
            name: self._measuring.measured(
                key, seen.states[name], plan, component_before(before, name)
            )
            for name, plan in seen.plans.items()
        }
        measured = {name: one for name, one in told.items() if one is not None}
        verdicts = objectives(parsed.service, seen.plans, measured)
        return replace(seen, measured=measured, objectives=verdicts)

    def _state(self, key: Key, live: Document, name: ComponentName) -> ComponentState:
        called = f"{live['metadata']['name']}-{name.value}"
        found = self._world.get(INFERENCE_SERVICE, key.namespace, called)
        deployments = (one for one in self._world.owned(DEPLOYMENT, key) if _runs(one, called))
        pods = [one for one in self._world.owned(POD, key) if _runs(one, called)]
        return self._explained(observe(name, found, _newest(deployments), pods), pods)

    def _explained(self, state: ComponentState, pods: Sequence[Document]) -> ComponentState:
        """With what holds up a pod that has a node, which events alone tell."""
        pod = longest_starting(pods, self._clock()) if state.stage is Stage.STARTING else None
        if pod is None or state.trouble is not None:
            return state
        metadata = pod["metadata"]
        events = self._cluster.events(str(metadata["namespace"]), str(metadata["uid"]))
        trouble = hindrance(pod, events)
        return replace(state, troubles=(trouble,)) if trouble else state

    def _tell(self, key: Key, live: Document, before: Status, after: Status) -> None:
        """Write the status where it differs, then record what has flipped."""
        written = document(after)
        if written == document(_ours(before, after)):
            return
        answer = self._cluster.write_status(key, str(live["metadata"]["uid"]), written)
        self._world.put(SERVICE, answer)
        self._ears.changed(key, before, after)
        for item in news(before, after):
            self._cluster.announce(event(item, live, self._instance, self._clock()))

    def _outcome(self, situation: Situation) -> Outcome:
        if situation.faults and all(one.reason is Reason.CONTESTED for one in situation.faults):
            return Done(again_s=_CONTESTED_AGAIN_S)
        if situation.kserve.state is KServeState.UNREACHABLE:
            return Failed(at_most_s=AGAIN_S)
        if situation.faults:
            return Failed()
        if situation.kserve.state is not KServeState.SERVED:
            return Done(again_s=_MISSING_AGAIN_S)
        if any(one.reason is Refused.UNKNOWN_MODEL for one in situation.refusals):
            return Done(again_s=SOON_S)  # the hub may answer by then
        states = () if situation.is_suspended else situation.states.values()
        waits = [_WAITS_S.get(state.stage) for state in states if state.inference_service]
        return Done(again_s=min((wait for wait in waits if wait), default=None))


def accept(live: Document, context: Context) -> Parsed:
    """The service of an object, or everything that is wrong with it in this installation."""
    try:
        service = with_defaults(parse(live), context.defaults)
    except SpecError as error:
        return Parsed(None, tuple(map(str, error.problems)))
    gaps = (*unsupported(service), *impossible(service, context))
    return Parsed(service, tuple(map(str, gaps)), Reason.UNSUPPORTED)


def _asked(live: Document, parsed: Parsed) -> tuple[ComponentName, ...]:
    """The components that the object names, readable or not."""
    if parsed.service is not None:
        return tuple(component.name for component in parsed.service.spec.components)
    spec: Any = live.get("spec")
    if not isinstance(spec, Mapping):
        return ()
    return tuple(name for name in ComponentName if spec.get(name.value))


def _runs(document: Document, inference_service: str) -> bool:
    labels = document["metadata"].get("labels") or {}
    return bool(labels.get(_KSERVE_LABEL) == inference_service)


def _newest(documents: Any) -> Document | None:
    """Of the Deployments of several revisions, the one in use."""
    return max(
        documents, key=lambda one: str(one["metadata"].get("creationTimestamp")), default=None
    )


def _ours(before: Status, after: Status) -> Status:
    """The former status without conditions of others, which a write leaves alone."""
    kinds = {condition.type for condition in after.conditions}
    mine = tuple(one for one in before.conditions if one.type in kinds)
    return before.model_copy(update={"conditions": mine})
