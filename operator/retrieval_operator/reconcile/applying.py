"""Bring the objects of one service to what was rendered, with as few requests as that takes.

An object is applied when this process has not applied this very manifest yet, or when its live form
lacks something of it. A name that somebody else holds is left alone.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from retrieval_operator.derive import Fault, KServe, KServeState, Word
from retrieval_operator.errors import (
    ClusterUnavailable,
    Conflict,
    FieldsContested,
    NameTaken,
    OperatorError,
    WebhookUnreachable,
)
from retrieval_operator.reconcile.covering import covers, fingerprint
from retrieval_operator.reconcile.faults import TOLD, blamed, message_of, reason_of
from retrieval_operator.reconcile.repairing import Repairs, rival_of
from retrieval_operator.reconcile.view import Applied, Pass
from retrieval_operator.reconcile.webhook import Breaker
from retrieval_operator.render import COMPONENT_LABEL, STOP_ANNOTATION
from retrieval_operator.world import (
    CHILDREN,
    INFERENCE_SERVICE,
    OPTIONAL,
    REVISION,
    SERVICE,
    Document,
    Key,
    Ref,
    Store,
    owner_of,
    ref_of,
)
from retrieval_operator.world.kinds import FIELD_MANAGER


@dataclass(slots=True)
class _Run:
    """What has come of one pass so far."""

    faults: list[Fault] = field(default_factory=list)
    kserve: KServe = field(default_factory=KServe)
    put_off: ClusterUnavailable | None = None


class Cluster(Protocol):
    """What a pass writes; each call raises ClusterError, LeadershipLost among them."""

    def read(self, ref: Ref) -> dict[str, Any] | None:
        """The object as it is now, or None."""

    def events(self, namespace: str, uid: str) -> Sequence[Mapping[str, Any]]:
        """What others have recorded about an object."""

    def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Server-side apply; the live object."""

    def delete(self, ref: Ref, uid: str) -> bool:
        """Delete that very object."""

    def annotate(self, ref: Ref, annotations: Mapping[str, str | None]) -> dict[str, Any]:
        """Set these annotations, or take those away that are None; the live object."""

    def write_status(self, ref: Ref, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Write the whole status; the live object."""

    def announce(self, event: Mapping[str, Any]) -> None:
        """Record an event."""


class Counted(Protocol):
    """Who counts what is applied."""

    def applied(self, kind: str, result: str) -> None:
        """One object: applied, unchanged, failed, or pruned."""


class Applier:
    """Applies and prunes; remembers what it has applied. Safe for several services at a time."""

    def __init__(
        self,
        cluster: Cluster,
        world: Store,
        counted: Counted,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._world = world
        self._counted = counted
        self._applied: dict[Ref, tuple[str, str]] = {}
        self._refs: dict[Key, set[Ref]] = {}
        self._lock = threading.Lock()
        self._repairs = Repairs(clock)
        self._webhook = Breaker(clock)

    def forget(self) -> None:
        """Apply everything again at the next pass: another replica may have led meanwhile."""
        with self._lock:
            self._applied.clear()
            self._refs.clear()

    def release(self, key: Key) -> None:
        """The service is gone, and with it what was applied for it."""
        with self._lock:
            gone = self._refs.pop(key, set())
        for ref in gone:
            self._forget(ref)

    def carry_out(self, service: Document, decided: Pass, *, has_kserve: bool) -> Applied:
        """Store what was decided, apply what follows from it, and delete what is not wanted.

        A plan that could not be stored is not acted on. Stopping and starting needs no plan.

        Raises:
            Conflict: Somebody is changing the same objects.
            LeadershipLost: This replica may not write.
        """
        if not has_kserve:
            return Applied(decided, kserve=KServe(KServeState.MISSING))
        run = _Run()
        try:
            self._apply(service, decided, run)
            self._switch(service, decided.is_suspended)
            if decided.prunes:
                self._prune(service, decided)
        except ClusterUnavailable as error:
            is_told = bool(run.faults)
            fault = Fault(Word.APPLY_FAILED, str(error))
            run.put_off, run.faults = error, run.faults if is_told else [fault]
        return Applied(decided, tuple(run.faults), run.kserve, run.put_off)

    def _apply(self, service: Document, decided: Pass, run: _Run) -> None:
        unstored: set[str] = set()
        for manifest in (*decided.revisions, *decided.wanted):
            component = str(manifest["metadata"]["labels"].get(COMPONENT_LABEL))
            if component in unstored:
                continue
            ref = ref_of(manifest)
            try:
                self._one(service, manifest)
            except TOLD as error:
                self._counted.applied(ref.kind.name, "failed")
                run.faults.append(self._fault(ref, manifest, error))
                run.kserve = blamed(ref, error, run.kserve)
                if ref.kind == REVISION:
                    unstored.add(component)

    def _switch(self, service: Document, is_suspended: bool | None) -> None:
        """Stop what is suspended, and start what is not, whatever else stands in the way."""
        for ref, document in self._owned(service):
            if ref.kind != INFERENCE_SERVICE or is_suspended is None:
                continue
            live = self._world.get(ref.kind, ref.namespace, ref.name) or document
            said = (live["metadata"].get("annotations") or {}).get(STOP_ANNOTATION)
            if (said == "true") != is_suspended:
                wanted = "true" if is_suspended else None
                done = self._cluster.annotate(ref, {STOP_ANNOTATION: wanted})
                self._world.put(ref.kind, done)

    def _prune(self, service: Document, decided: Pass) -> None:
        """Delete what this very service owns and does not want any more."""
        for ref, document in self._owned(service):
            labels = document["metadata"].get("labels") or {}
            if ref in decided.kept or labels.get(COMPONENT_LABEL) in decided.spared:
                continue
            if self._cluster.delete(ref, str(document["metadata"]["uid"])):
                self._counted.applied(ref.kind.name, "pruned")
            self._forget(ref)

    def _one(self, service: Document, manifest: Mapping[str, Any]) -> None:
        ref, mark = ref_of(manifest), fingerprint(manifest)
        live = self._world.get(ref.kind, ref.namespace, ref.name)
        if live is None:
            self._webhook.check(ref)
            self._check_owner(service)
            live = self._cluster.read(ref)
        if live is not None:
            _check_ours(service, ref, live)
            if self._is_applied(ref, mark, live, manifest):
                self._counted.applied(ref.kind.name, "unchanged")
                self._check_peace(ref)
                return
            if self._is_edited(ref, mark):
                self._repair(ref, mark, manifest)
                return
        self._write(ref, mark, manifest)

    def _write(self, ref: Ref, mark: str, manifest: Mapping[str, Any]) -> None:
        self._webhook.check(ref)
        try:
            done = self._cluster.apply(manifest)
        except WebhookUnreachable as error:
            self._webhook.failed(ref, error)
            raise
        self._world.put(ref.kind, done)
        self._remember(ref, mark, done)
        self._counted.applied(ref.kind.name, "applied")

    def _is_applied(self, ref: Ref, mark: str, live: Document, manifest: Mapping[str, Any]) -> bool:
        with self._lock:
            known = self._applied.get(ref)
        if known is None or known[0] != mark:
            return False
        if known[1] == live["metadata"].get("resourceVersion"):
            return True
        if not covers(live, manifest):
            return False
        self._remember(ref, mark, live)
        return True

    def _is_edited(self, ref: Ref, mark: str) -> bool:
        """Whether what we applied last is what we want now, so that another has changed it."""
        with self._lock:
            return ref in self._applied and self._applied[ref][0] == mark

    def _repair(self, ref: Ref, mark: str, manifest: Mapping[str, Any]) -> None:
        """Take our fields back, unless somebody would only change them again."""
        if self._repairs.is_due(ref):
            rival = rival_of(self._cluster.read(ref) or {}, FIELD_MANAGER)
            self._write(ref, mark, manifest)
            self._repairs.repaired(ref, rival)
        self._check_peace(ref)

    def _check_peace(self, ref: Ref) -> None:
        streak = self._repairs.streak(ref)
        if streak.is_contested:
            raise FieldsContested(str(ref), streak.rival)

    def _check_owner(self, service: Document) -> None:
        """Before something is created: the watch may be late, and the service gone by now."""
        metadata = service["metadata"]
        ref = Ref(SERVICE, metadata["namespace"], metadata["name"])
        live = self._cluster.read(ref)
        if live is None or live["metadata"]["uid"] != metadata["uid"]:
            raise Conflict(str(ref))

    def _fault(self, ref: Ref, manifest: Mapping[str, Any], error: OperatorError) -> Fault:
        live = self._world.get(ref.kind, ref.namespace, ref.name)
        is_in_force = (
            live is not None
            and not isinstance(error, NameTaken | FieldsContested)
            and covers(live, manifest)
        )
        return Fault(reason_of(error), message_of(error), is_in_force, ref.kind in OPTIONAL)

    def _owned(self, service: Document) -> Iterator[tuple[Ref, Document]]:
        key = owner_of(SERVICE, service)
        uid = service["metadata"].get("uid")
        for kind in CHILDREN:
            for document in self._world.owned(kind, key) if key else ():
                metadata = document["metadata"]
                if uid in {one.get("uid") for one in metadata.get("ownerReferences") or ()}:
                    yield Ref(kind, str(metadata["namespace"]), str(metadata["name"])), document

    def _remember(self, ref: Ref, mark: str, live: Document) -> None:
        with self._lock:
            self._applied[ref] = (mark, str(live["metadata"].get("resourceVersion")))
            owner = owner_of(ref.kind, live)
            if owner is not None:
                self._refs.setdefault(owner, set()).add(ref)

    def _forget(self, ref: Ref) -> None:
        self._repairs.forget(ref)
        with self._lock:
            self._applied.pop(ref, None)


def _check_ours(service: Document, ref: Ref, live: Document) -> None:
    """An object is ours where we own it, or where nobody owns it and it carries our labels."""
    uid, metadata = service["metadata"].get("uid"), live["metadata"]
    references = metadata.get("ownerReferences") or ()
    if any(one.get("uid") == uid for one in references):
        return
    owner = next((one for one in references if one.get("controller")), None)
    key = owner_of(SERVICE, service)
    if owner is None and owner_of(ref.kind, live) == key:
        return
    if owner is not None and (owner.get("kind"), owner.get("name")) == (
        SERVICE.name,
        key and key.name,
    ):
        raise Conflict(str(ref))  # of a former service of this name: it is being collected
    raise NameTaken(str(ref), f"{owner['kind']} {owner['name']}" if owner else "nobody we know")
