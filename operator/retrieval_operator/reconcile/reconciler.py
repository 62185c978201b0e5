"""One pass over one service. Runs in a worker's thread; reads the store and writes the cluster."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final, Protocol

from retrieval_operator.derive import (
    Fault,
    Half,
    KServe,
    KServeState,
    Situation,
    Word,
    component_before,
    derive,
    document,
    news,
)
from retrieval_operator.derive.news import event
from retrieval_operator.errors import ClusterError
from retrieval_operator.observe import (
    ComponentState,
    Stage,
    hindrance,
    longest_starting,
    observe,
)
from retrieval_operator.plan import Revision
from retrieval_operator.reconcile.again import outcome
from retrieval_operator.reconcile.applying import Applier, Cluster
from retrieval_operator.reconcile.deciding import decide
from retrieval_operator.reconcile.lasting import Lasting
from retrieval_operator.reconcile.looking import Looking
from retrieval_operator.reconcile.measuring import Measuring
from retrieval_operator.reconcile.planning import objective_of
from retrieval_operator.reconcile.silence import SILENT_S, complaint, is_ignored
from retrieval_operator.reconcile.view import Applied, Pass, View
from retrieval_operator.render import Context
from retrieval_operator.runtime.workqueue import Done, Outcome
from retrieval_operator.spec import ComponentName
from retrieval_operator.spec.status import Status
from retrieval_operator.world import (
    CONFIG_MAP,
    DEPLOYMENT,
    INFERENCE_SERVICE,
    POD,
    REVISION,
    SERVICE,
    Document,
    Key,
    Ref,
    Store,
)

_KSERVE_LABEL: Final = "serving.kserve.io/inferenceservice"


class Recorder(Protocol):
    """Who hears what a pass did, for metrics and the log."""

    def failed(self, key: Key, error: Exception) -> None:
        """A part of the pass failed in a way that nobody foresaw."""

    def changed(self, key: Key, before: Status, after: Status) -> None:
        """The status was written."""


@dataclass(frozen=True, slots=True)
class Seams:
    """What a pass reads and writes; `context` is asked anew each time, for kinds come and go."""

    world: Store
    cluster: Cluster
    looking: Looking
    applier: Applier
    measuring: Measuring
    lasting: Lasting
    context: Callable[[], Context]
    recorder: Recorder
    instance: str


class Reconciler:
    """Passes over services."""

    def __init__(
        self, seams: Seams, clock: Callable[[], datetime] = lambda: datetime.now(UTC)
    ) -> None:
        self._seams = seams
        self._world = seams.world
        self._clock = clock

    def reconcile(self, key: Key) -> Outcome:
        """One pass.

        Raises:
            ClusterError: Nothing can be written now; the pass is to be repeated.
        """
        live = self._world.service(key)
        if live is None or live["metadata"].get("deletionTimestamp"):
            self._seams.lasting.forget(key)
            self._seams.measuring.forget(key)
            self._seams.applier.release(key)
            return Done()  # the garbage collector deletes what it owned
        view = self._seams.looking.look(key, live, self._seams.context(), self._clock())
        applied = self._carry_out(view, self._decide(view))
        situation = self._conclude(view, applied)
        self._tell(view, derive(situation, view.before))
        if applied.put_off is not None:
            raise applied.put_off
        return outcome(situation, applied)

    def _decide(self, view: View) -> Pass:
        try:
            return decide(view)
        except Exception as error:  # noqa: BLE001 - one object must never stop the others
            return Pass(
                is_suspended=view.parsed.is_suspended, failure=self._unforeseen(view, error)
            )

    def _carry_out(self, view: View, decided: Pass) -> Applied:
        has_kserve = INFERENCE_SERVICE.api_version in view.context.api_versions
        try:
            applied = self._seams.applier.carry_out(view.live, decided, has_kserve=has_kserve)
        except ClusterError:
            raise
        except Exception as error:  # noqa: BLE001 - one object must never stop the others
            applied = Applied(decided).with_fault(self._unforeseen(view, error))
        return applied if decided.failure is None else applied.with_fault(decided.failure)

    def _unforeseen(self, view: View, error: Exception) -> Fault:
        self._seams.recorder.failed(view.key, error)
        return Fault(Word.INTERNAL, f"{type(error).__name__}; see the operator's log")

    def _conclude(self, view: View, applied: Applied) -> Situation:
        """What there is to say about the service, now that this was applied."""
        halves = tuple(self._half(view, applied, name) for name in _asked(view))
        service = view.parsed.service
        return Situation(
            generation=int(view.live["metadata"].get("generation") or 0),
            now=view.now,
            halves=halves,
            has_objective=service is not None and service.spec.objective is not None,
            problems=view.parsed.problems,
            rejection=view.parsed.rejection,
            is_suspended=bool(applied.decided.is_suspended),
            kserve=self._kserve(view, applied, halves),
            faults=applied.faults,
            doubts=applied.decided.doubts,
        )

    def _half(self, view: View, applied: Applied, name: ComponentName) -> Half:
        state = self._state(view, name)
        decided = next((one for one in applied.decided.halves if one.name is name), None)
        if decided is None:
            return Half(name, state)
        half = Half(name, state, decided.answer, decided.is_pinned)
        if half.revision is None:
            return half
        stored = f"{_called(view, name)}-{half.revision.number}"
        is_stored = self._world.get(REVISION, view.key.namespace, stored) is not None
        return self._judged(view, replace(half, is_stored=is_stored), half.revision)

    def _judged(self, view: View, half: Half, revision: Revision) -> Half:
        """With what a pod has told of the plan, and whether that holds what is promised."""
        before = component_before(view.before, half.name)
        measured = self._seams.measuring.measured(view.key, half.state, revision, before)
        service = view.parsed.service
        component = next(one.component for one in view.halves if one.component.name is half.name)
        if service is None:
            return replace(half, measured=measured)
        verdict = objective_of(service, component, revision.plan, half.state, measured)
        return replace(half, measured=measured, objective=verdict)

    def _state(self, view: View, name: ComponentName) -> ComponentState:
        key, called = view.key, _called(view, name)
        found = self._world.get(INFERENCE_SERVICE, key.namespace, called)
        deployments = (one for one in self._world.owned(DEPLOYMENT, key) if _runs(one, called))
        pods = [one for one in self._world.owned(POD, key) if _runs(one, called)]
        limits = self._world.get(CONFIG_MAP, key.namespace, f"{called}-limits")
        return self._explained(observe(name, found, _newest(deployments), pods, limits), pods)

    def _explained(self, state: ComponentState, pods: Sequence[Document]) -> ComponentState:
        """With what holds up a pod that has a node, which events alone tell."""
        pod = longest_starting(pods, self._clock()) if state.stage is Stage.STARTING else None
        if pod is None or state.trouble is not None:
            return state
        trouble = hindrance(pod, self._events(pod))
        return replace(state, troubles=(trouble,)) if trouble else state

    def _events(self, document: Document) -> Sequence[Mapping[str, Any]]:
        metadata = document["metadata"]
        return self._seams.cluster.events(str(metadata["namespace"]), str(metadata["uid"]))

    def _kserve(self, view: View, applied: Applied, halves: Sequence[Half]) -> KServe:
        """What is known of KServe: what a write has met, or that it leaves something undone."""
        if applied.kserve.state is not KServeState.SERVED:
            return applied.kserve
        for state in (half.state for half in halves):
            found = self._world.get(
                INFERENCE_SERVICE, view.key.namespace, state.inference_service or ""
            )
            silent_s = self._seams.lasting.seconds(
                view.key, "silent", state.name.value, is_so=is_ignored(state, found)
            )
            if found is not None and silent_s >= SILENT_S:
                return KServe(KServeState.SILENT, complaint(state, found, self._events(found)))
        return applied.kserve

    def _tell(self, view: View, after: Status) -> None:
        """Write the status where it differs, then record what has flipped."""
        before, written = view.before, document(after)
        if written == document(_ours(before, after)):
            return
        uid = str(view.live["metadata"]["uid"])
        ref = Ref(SERVICE, view.key.namespace, view.key.name)
        answer = self._seams.cluster.write_status(ref, uid, written)
        self._world.put(SERVICE, answer)
        self._seams.recorder.changed(view.key, before, after)
        for item in news(before, after):
            told = event(item, view.live, self._seams.instance, view.now)
            self._seams.cluster.announce(told)


def _asked(view: View) -> tuple[ComponentName, ...]:
    """The components that the object names, readable or not."""
    if view.parsed.service is not None:
        return tuple(component.name for component in view.parsed.service.spec.components)
    spec: Any = view.live.get("spec")
    if not isinstance(spec, Mapping):
        return ()
    return tuple(name for name in ComponentName if spec.get(name.value))


def _called(view: View, name: ComponentName) -> str:
    """The InferenceService of a component, of a service that may not be readable."""
    return f"{view.key.name}-{name.value}"


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
