"""A Node whose pods are processes of this machine: it registers, renews its Lease, runs pods.

Source: Kubernetes documentation, "Nodes" (heartbeats, status); kubelet pkg/kubelet/nodestatus.
"""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.cluster.agent import cgroups
from tests.cluster.agent.images import Image
from tests.cluster.agent.kube import Document, Kube, Refused
from tests.cluster.agent.network import PodNetwork
from tests.cluster.agent.pod import Pod
from tests.cluster.agent.status import now

_LEASES = "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases"
_LEASE_S = 40
_RENEW_S = 10.0
_POLL_S = 0.05
LOG_PORT = 10250
_DONE = {"Succeeded", "Failed"}
_MOST_MESSAGE = 900


@dataclass(frozen=True, slots=True)
class Options:
    """What an agent is told: its Node, images, folder, and how patient it is.

    `opened` are folders that users without rights must be able to pass through, `services` the
    API server's address inside pods, `sync_s` the time after which volumes are looked at again.
    """

    document: Document
    images: Mapping[str, Image]
    folder: Path
    opened: tuple[str, ...] = ()
    services: str = "10.96.0.1"
    backoff_s: float = 10.0
    sync_s: float = 60.0


@dataclass(slots=True)
class Devices:
    """Which pod has which device, by resource."""

    capacity: Mapping[str, str]
    taken: dict[tuple[str, int], str] = field(default_factory=dict)

    def take(self, uid: str, resource: str, count: int) -> Sequence[int]:
        """Indices for this pod; the same ones if it asks again."""
        indices = range(int(self.capacity.get(resource, "0")))
        own = [i for i in indices if self.taken.get((resource, i)) == uid]
        free = [i for i in indices if (resource, i) not in self.taken]
        own += free[: count - len(own)]
        self.taken |= {(resource, i): uid for i in own}
        return own

    def release(self, uid: str) -> None:
        """Everything of this pod may be given to others."""
        self.taken = {device: owner for device, owner in self.taken.items() if owner != uid}


class Node:
    """One node. `serve` runs until it is cancelled, `close` ends the pods."""

    def __init__(self, options: Options, kube: Kube, session: aiohttp.ClientSession) -> None:
        self.kube = kube
        self.session = session
        self.images = options.images
        self.opened = options.opened
        self.backoff_s = options.backoff_s
        self.sync_s = options.sync_s
        self.services = options.services
        self.network: PodNetwork
        self.pods: dict[str, Pod] = {}
        self._options = options
        self._name: str = options.document["metadata"]["name"]
        self._devices = Devices(options.document["status"]["capacity"])
        self._tasks: set[asyncio.Task[None]] = set()
        self._leaving: set[str] = set()

    async def register(self) -> None:
        """Create the Node, wait for its pods' addresses, open their network and be Ready."""
        with contextlib.suppress(Refused):  # it is there after a restart
            await self.kube.post("/api/v1/nodes", self._options.document)
        self.network = PodNetwork(await self._range())
        await self.network.open()
        cgroups.sweep(self.network.name)
        await self._renew()
        await self.kube.merge(f"/api/v1/nodes/{self._name}/status", {"status": self._status()})

    async def serve(self) -> None:
        """Run the pods that the scheduler puts here."""
        await asyncio.gather(self._heartbeat(), self._follow())

    async def close(self) -> None:
        """End all pods, which stay in the API server as they are, and the network."""
        await asyncio.gather(*(pod.end(1) for pod in self.pods.values()))
        await asyncio.gather(*self._tasks, return_exceptions=True)  # those that ended already
        await self.network.close()

    def take_devices(self, uid: str, resource: str, count: int) -> Sequence[int]:
        """Indices of devices that this pod has for itself."""
        return self._devices.take(uid, resource, count)

    def tell(self, pod: Mapping[str, Any], kind: str, reason: str, message: str) -> None:
        """Record an event."""
        metadata = pod["metadata"]
        about = {key: metadata[key] for key in ("name", "namespace", "uid")}
        event = {
            "metadata": {"generateName": f"{metadata['name']}.", "namespace": about["namespace"]},
            "type": kind,
            "reason": reason,
            "message": message[:_MOST_MESSAGE],
            "count": 1,
            "involvedObject": {"apiVersion": "v1", "kind": "Pod", **about},
            "source": {"component": "kubelet", "host": self._name},
            "firstTimestamp": now(),
            "lastTimestamp": now(),
        }
        self._begin(self._send(f"/api/v1/namespaces/{about['namespace']}/events", event))

    async def _send(self, path: str, event: Document) -> None:
        with contextlib.suppress(Refused):
            await self.kube.post(path, event)

    async def _range(self) -> str:
        while True:
            node = await self.kube.get(f"/api/v1/nodes/{self._name}")
            if found := node["spec"].get("podCIDR"):
                return str(found)
            await asyncio.sleep(_POLL_S)

    async def _heartbeat(self) -> None:
        while True:
            await asyncio.sleep(_RENEW_S)
            with contextlib.suppress(Refused):
                await self._renew()

    async def _renew(self) -> None:
        stamp = dt.datetime.now(dt.UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        spec = {
            "holderIdentity": self._name,
            "leaseDurationSeconds": _LEASE_S,
            "renewTime": stamp,
        }
        try:
            await self.kube.merge(f"{_LEASES}/{self._name}", {"spec": spec})
        except Refused as refusal:
            if refusal.status != 404:
                raise
            await self.kube.post(_LEASES, {"metadata": {"name": self._name}, "spec": spec})

    async def _follow(self) -> None:
        chosen = f"spec.nodeName={self._name}"
        async for kind, found in self.kube.follow("/api/v1/pods", fieldSelector=chosen):
            if kind == "LISTED":
                self._listed(found)
            elif kind == "DELETED":
                self._forget(found["metadata"]["uid"])
            elif kind != "BOOKMARK":
                self._see(found)

    def _listed(self, documents: Sequence[Document]) -> None:
        for gone in self.pods.keys() - {one["metadata"]["uid"] for one in documents}:
            self._forget(gone)
        for one in documents:
            self._see(one)

    def _see(self, document: Document) -> None:
        metadata = document["metadata"]
        uid, is_leaving = metadata["uid"], "deletionTimestamp" in metadata
        is_done = document.get("status", {}).get("phase") in _DONE
        if uid not in self.pods:
            if is_done and not is_leaving:
                return
            self.pods[uid] = Pod(self, document, self._options.folder / "pods")
        self.pods[uid].document = document
        if is_leaving:
            self._leave(uid, metadata.get("deletionGracePeriodSeconds", 30))

    def _forget(self, uid: str) -> None:
        if uid in self.pods:
            self._leave(uid, 0)

    def _leave(self, uid: str, grace_s: float) -> None:
        if uid not in self._leaving:
            self._leaving.add(uid)
            self._begin(self._end(uid, grace_s))

    async def _end(self, uid: str, grace_s: float) -> None:
        pod = self.pods[uid]
        await pod.end(grace_s)
        self._devices.release(uid)
        await self.kube.delete(pod.path, uid)
        del self.pods[uid]
        self._leaving.discard(uid)

    def _begin(self, work: Any) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _status(self) -> Document:
        given = self._options.document["status"]
        return {
            "capacity": given["capacity"],
            "allocatable": given.get("allocatable") or given["capacity"],
            "addresses": [
                {"type": "InternalIP", "address": self.network.gateway},
                {"type": "Hostname", "address": self._name},
            ],
            "daemonEndpoints": {"kubeletEndpoint": {"Port": LOG_PORT}},
            "nodeInfo": _node_info(),
            "conditions": [
                _condition("Ready", "True", "KubeletReady"),
                _condition("MemoryPressure", "False", "KubeletHasSufficientMemory"),
                _condition("DiskPressure", "False", "KubeletHasNoDiskPressure"),
                _condition("PIDPressure", "False", "KubeletHasSufficientPID"),
            ],
        }


def _node_info() -> dict[str, str]:
    return {
        "machineID": "",
        "systemUUID": "",
        "bootID": "",
        "kernelVersion": os.uname().release,
        "osImage": "processes of the test machine",
        "containerRuntimeVersion": "process://1",
        "kubeletVersion": "v1.36.3",
        "kubeProxyVersion": "",
        "operatingSystem": "linux",
        "architecture": "amd64",
    }


def _condition(kind: str, state: str, reason: str) -> dict[str, str]:
    times = {"lastHeartbeatTime": now(), "lastTransitionTime": now()}
    return {"type": kind, "status": state, "reason": reason, "message": reason, **times}
