"""Builders for the operator's tests: live objects as the API server has them, and a small cluster.

The cluster implements what a pass asks of one; it keeps objects, counts writes, and can be told to
refuse.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from retrieval_operator.errors import Conflict, NotFound
from retrieval_operator.facts import Look, ModelFacts, Unknown
from retrieval_operator.reconcile import (
    Applier,
    Lasting,
    Looking,
    Measuring,
    Planning,
    Reconciler,
    Seams,
)
from retrieval_operator.reconcile.measuring import Then
from retrieval_operator.reconcile.models import Models
from retrieval_operator.render import Context
from retrieval_operator.runtime.lease import Record
from retrieval_operator.runtime.workqueue import Outcome
from retrieval_operator.spec.source import ModelSource
from retrieval_operator.warmups import WarmUp
from retrieval_operator.world import (
    DEPLOYMENT,
    INFERENCE_SERVICE,
    NODE,
    POD,
    SERVICE,
    Document,
    Key,
    Kind,
    Ref,
    Store,
    ref_of,
)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
KEY = Key("search", "docs")
UID = "uid-docs"
_VERSIONS = count(1000)

MODEL = {"uri": "hf://BAAI/bge-m3", "allowPickle": True}
GPU_SPEC: dict[str, Any] = {"embedder": {"model": MODEL, "gpu": {}}}


def version() -> str:
    """A resource version newer than every one before."""
    return str(next(_VERSIONS))


def service(spec: Mapping[str, Any] | None = None, **metadata: Any) -> dict[str, Any]:
    """A RetrievalService as it is stored."""
    return {
        "apiVersion": SERVICE.api_version,
        "kind": SERVICE.name,
        "metadata": {
            "name": KEY.name,
            "namespace": KEY.namespace,
            "uid": UID,
            "generation": 1,
            "resourceVersion": version(),
            **metadata,
        },
        "spec": dict(GPU_SPEC if spec is None else spec),
    }


def labels(component: str = "embedder") -> dict[str, str]:
    """Labels of everything that belongs to the service, as KServe passes them on."""
    return {
        "app.kubernetes.io/instance": KEY.name,
        "app.kubernetes.io/managed-by": "retrieval-operator",
        "app.kubernetes.io/component": component,
        "serving.kserve.io/inferenceservice": f"{KEY.name}-{component}",
    }


def inference_service(component: str = "embedder", **metadata: Any) -> dict[str, Any]:
    """One of ours, with its address."""
    return {
        "apiVersion": INFERENCE_SERVICE.api_version,
        "kind": INFERENCE_SERVICE.name,
        "metadata": {
            "name": f"{KEY.name}-{component}",
            "namespace": KEY.namespace,
            "uid": f"uid-{component}",
            "resourceVersion": version(),
            "creationTimestamp": NOW.isoformat(),
            "labels": labels(component),
            "ownerReferences": [
                {"kind": "RetrievalService", "name": KEY.name, "uid": UID, "controller": True}
            ],
            **metadata,
        },
        "spec": {},
        "status": {"address": {"url": f"http://{KEY.name}-{component}-predictor.search.svc"}},
    }


def deployment(
    *, desired: int = 1, updated: int = 1, ready: int = 1, component: str = "embedder", **more: Any
) -> dict[str, Any]:
    """A Deployment whose status speaks of its present spec."""
    status = {
        "observedGeneration": 3,
        "replicas": max(updated, ready),
        "updatedReplicas": updated,
        "readyReplicas": ready,
        **more,
    }
    return {
        "metadata": {
            "name": f"{KEY.name}-{component}-predictor",
            "namespace": KEY.namespace,
            "uid": f"uid-deployment-{component}",
            "generation": 3,
            "resourceVersion": version(),
            "labels": labels(component),
        },
        "spec": {"replicas": desired},
        "status": status,
    }


def pod(
    name: str = "docs-embedder-1", component: str = "embedder", **status: Any
) -> dict[str, Any]:
    """A Pod; ready unless a status is given."""
    return {
        "metadata": {
            "name": name,
            "namespace": KEY.namespace,
            "uid": f"uid-{name}",
            "resourceVersion": version(),
            "creationTimestamp": "2026-01-02T03:00:00Z",
            "labels": labels(component),
        },
        "status": status or ready_status(),
    }


def conditions(**holds: bool) -> list[dict[str, str]]:
    """Pod conditions by type."""
    return [{"type": kind, "status": str(value)} for kind, value in holds.items()]


def ready_status() -> dict[str, Any]:
    """All is well."""
    return {
        "phase": "Running",
        "conditions": conditions(PodScheduled=True, Ready=True),
        "containerStatuses": [container(state={"running": {}}, ready=True)],
    }


def container(name: str = "kserve-container", **facts: Any) -> dict[str, Any]:
    """One container's status."""
    return {"name": name, "ready": False, "restartCount": 0, "state": {}, "lastState": {}, **facts}


def crashing(exit_code: int, reason: str = "Error", message: str = "", restarts: int = 3) -> Any:
    """A pod whose container ends again and again."""
    end = {"exitCode": exit_code, "reason": reason, "message": message}
    end["finishedAt"] = "2026-01-02T03:03:00Z"
    return pod(
        phase="Running",
        conditions=conditions(PodScheduled=True, Ready=False),
        containerStatuses=[
            container(
                state={"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s"}},
                lastState={"terminated": end},
                restartCount=restarts,
            )
        ],
    )


SCHEDULER_SAYS = (
    "0/3 nodes are available: 3 Insufficient nvidia.com/gpu. no new claims to deallocate, "
    "preemption: 0/3 nodes are available: 3 No preemption victims found for incoming pod."
)


def unschedulable(message: str = SCHEDULER_SAYS) -> Any:
    """A pod that no node takes."""
    scheduled = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": message,
        "lastTransitionTime": "2026-01-02T03:00:01Z",
    }
    return pod(phase="Pending", conditions=[scheduled])


def gpu_node(name: str = "gpu-1", product: str = "NVIDIA-L4", memory_mib: int = 23034) -> Any:
    """A node with one GPU, as GPU Feature Discovery labels it."""
    return {
        "kind": "Node",
        "metadata": {
            "name": name,
            "uid": f"uid-{name}",
            "resourceVersion": version(),
            "labels": {
                "nvidia.com/gpu.product": product,
                "nvidia.com/gpu.memory": str(memory_mib),
                "nvidia.com/gpu.count": "1",
                "nvidia.com/gpu.compute.major": "8",
                "nvidia.com/gpu.compute.minor": "9",
            },
        },
        "spec": {"taints": [{"key": "nvidia.com/gpu", "effect": "NoSchedule"}]},
        "status": {"allocatable": {"cpu": "32", "memory": "256Gi", "nvidia.com/gpu": "1"}},
    }


class FakeCluster:
    """An API server of its own: it stores what is applied, and `world` sees it at once.

    `refusing` maps a kind's name to the error that a write of it raises.
    """

    def __init__(self) -> None:
        self.objects: dict[Ref, dict[str, Any]] = {}
        self.world = Store()
        self.refusing: dict[str, Exception] = {}
        self.writes: list[str] = []
        self.announced: list[Mapping[str, Any]] = []
        self.told: dict[str, list[Mapping[str, Any]]] = {}

    def add(self, kind: Kind, document: Document) -> None:
        """An object that something else made."""
        metadata = document["metadata"]
        ref = Ref(kind, str(metadata.get("namespace", "")), str(metadata["name"]))
        self.objects[ref] = dict(document)
        self.world.put(kind, document)

    def serve(self, spec: Mapping[str, Any] | None = None, **metadata: Any) -> None:
        """A RetrievalService and one GPU node."""
        self.add(SERVICE, service(spec, **metadata))
        self.add(NODE, gpu_node())

    def run_pods(self, deployed: Document, *pods: Document) -> None:
        """What KServe and the kubelets made of an InferenceService."""
        name = deployed["metadata"]["labels"]["serving.kserve.io/inferenceservice"]
        asked = self.objects.get(Ref(INFERENCE_SERVICE, KEY.namespace, name), {})
        marks = (asked.get("metadata") or {}).get("annotations") or {}
        predictor = (asked.get("spec") or {}).get("predictor") or {}
        template = {"metadata": {"annotations": marks}, "spec": predictor}
        spec = {"template": template, **deployed["spec"]}
        self.add(DEPLOYMENT, {**deployed, "spec": spec})
        for one in pods:
            marked = {**one["metadata"], "annotations": marks}
            self.add(POD, {**one, "metadata": marked | one["metadata"]})

    @property
    def status(self) -> dict[str, Any]:
        """The written status of the service."""
        found = self.world.service(KEY)
        assert found is not None
        status: dict[str, Any] = dict(found.get("status") or {})
        return status

    def condition(self, kind: str) -> dict[str, Any]:
        """One condition of the service."""
        return next(one for one in self.status["conditions"] if one["type"] == kind)

    def names(self, kind: Kind) -> list[str]:
        """Names of the stored objects of a kind."""
        return sorted(ref.name for ref in self.objects if ref.kind == kind)

    def read(self, ref: Ref) -> dict[str, Any] | None:
        """The object, or None."""
        return self.objects.get(ref)

    def events(self, namespace: str, uid: str) -> list[Mapping[str, Any]]:
        """What a test lets be told about an object."""
        assert namespace == KEY.namespace
        return self.told.get(uid, [])

    def apply(self, manifest: Mapping[str, Any]) -> dict[str, Any]:
        """Store the manifest; nothing changes where it says nothing new."""
        ref = ref_of(manifest)
        self._check(ref.kind.name)
        self.writes.append(f"apply {ref.kind.name} {ref.name}")
        known = self.objects.get(ref)
        before = known["metadata"] if known else {}
        metadata = {
            "uid": before.get("uid", f"uid-of-{ref.name}"),
            "resourceVersion": version(),
            "creationTimestamp": NOW.isoformat(),
            **manifest["metadata"],
        }
        stored = {**(known or {}), **manifest, "metadata": metadata}
        self.objects[ref] = stored
        return stored

    def delete(self, ref: Ref, uid: str) -> bool:
        """Delete that very object."""
        self._check(ref.kind.name)
        self.writes.append(f"delete {ref.kind.name} {ref.name}")
        known = self.objects.get(ref)
        if known is None or known["metadata"]["uid"] != uid:
            return False
        del self.objects[ref]
        self.world.drop(ref.kind, known)
        return True

    def annotate(self, ref: Ref, annotations: Mapping[str, str | None]) -> dict[str, Any]:
        """Set annotations, or take them away."""
        self._check(ref.kind.name)
        self.writes.append(f"annotate {ref.kind.name} {ref.name}")
        known = self.objects[ref]
        former = known["metadata"].get("annotations") or {}
        merged = {name: text for name, text in {**former, **annotations}.items() if text}
        metadata = {**known["metadata"], "annotations": merged, "resourceVersion": version()}
        self.objects[ref] = {**known, "metadata": metadata}
        return self.objects[ref]

    def write_status(self, ref: Ref, uid: str, status: Mapping[str, Any]) -> dict[str, Any]:
        """Store a status."""
        self._check("status")
        known = self.objects.get(ref)
        if known is None:
            raise NotFound(str(ref))
        if known["metadata"]["uid"] != uid:
            raise Conflict(str(ref))
        self.writes.append("status")
        metadata = {**known["metadata"], "resourceVersion": version()}
        self.objects[ref] = {**known, "status": status, "metadata": metadata}
        return self.objects[ref]

    def announce(self, event: Mapping[str, Any]) -> None:
        """Keep an event."""
        self.announced.append(event)

    def _check(self, what: str) -> None:
        if what in self.refusing:
            raise self.refusing[what]


class FakePods:
    """Pods that tell their warm-up when a test lets them: `answer(None)` is no answer."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self._waiting: list[Then] = []

    def ask(self, ip: str, then: Then) -> None:
        """Keep the question."""
        self.asked.append(ip)
        self._waiting.append(then)

    def answer(self, told: WarmUp | None) -> None:
        """Answer every question so far."""
        for then in self._waiting:
            then(told)
        self._waiting.clear()


class SilentCount:
    """Counts nothing."""

    def applied(self, kind: str, result: str) -> None:
        """Nobody asks."""


class Recorder:
    """Hears what passes did."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.changes = 0

    def failed(self, key: Key, error: Exception) -> None:  # noqa: ARG002 - only what failed counts
        """Keep the error."""
        self.failures.append(error)

    def changed(self, *_: object) -> None:
        """Count the status."""
        self.changes += 1


APIS = frozenset({"v1", INFERENCE_SERVICE.api_version, "policy/v1", "monitoring.coreos.com/v1"})


class Bench:
    """A reconciler on a small cluster, and everything a test wants to look at."""

    def __init__(self, apis: frozenset[str] = APIS, look: Look | None = None) -> None:
        self.cluster = FakeCluster()
        self.clock = Clock()
        self.ears = Recorder()
        self.pods = FakePods()
        self.woken: list[Key] = []
        self.later_s: list[float] = []
        self.apis = apis
        self.image = "example/predictor:v1"
        self.is_image_chosen = True
        self.look = look
        self.restart()

    def restart(self) -> None:
        """A new process of the operator: what it only remembered is gone."""
        world, lasting = self.cluster.world, Lasting(self.clock)
        self.applier = Applier(self.cluster, world, SilentCount())
        seams = Seams(
            world=world,
            cluster=self.cluster,
            looking=Looking(
                world, Planning(world), Models(self._ask if self.look else None).facts, lasting
            ),
            applier=self.applier,
            measuring=Measuring(self.pods.ask, self._wake, self.clock),
            lasting=lasting,
            context=self._context,
            recorder=self.ears,
            instance="test",
        )
        self.reconciler = Reconciler(seams, self.clock)

    def _context(self) -> Context:
        return Context(self.image, self.apis, is_image_chosen=self.is_image_chosen)

    def _ask(self, source: ModelSource, _: Key) -> ModelFacts | Unknown:
        assert self.look is not None
        return self.look(source)

    def _wake(self, key: Key, after_s: float) -> None:
        if after_s > 0:
            self.later_s.append(after_s)
        else:
            self.woken.append(key)

    def reconcile(self) -> Outcome:
        """One pass over the service."""
        return self.reconciler.reconcile(KEY)

    def running(self) -> Bench:
        """Applied, deployed, ready, and told so."""
        self.cluster.serve()
        self.reconcile()
        self.cluster.run_pods(deployment(), pod())
        self.reconcile()
        self.cluster.writes.clear()
        self.cluster.announced.clear()
        return self


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        """Let time pass."""
        self.now += timedelta(seconds=seconds)


class FakeLease:
    """A Lease that several candidates share; writes against an old version are refused."""

    def __init__(self) -> None:
        self.record = Record()
        self.error: Exception | None = None
        self.reads = 0

    def read(self) -> Record:
        """What it says."""
        self.reads += 1
        self._check()
        return self.record

    def write(self, before: Record, holder: str, seconds: int, now: datetime) -> Record:
        """Hold it."""
        assert now.tzinfo is not None
        self._check()
        if before.version != self.record.version:
            raise Conflict("Lease")
        self.record = Record(version=version(), holder=holder, seconds=seconds, renewed=version())
        return self.record

    def _check(self) -> None:
        if self.error is not None:
            raise self.error
