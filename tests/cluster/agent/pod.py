"""One pod: its network, volumes and containers, from the first start to the last stop."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import aiohttp

from retrieval_operator.spec.quantity import Quantity
from tests.cluster.agent import environment, names, status
from tests.cluster.agent.cgroups import Cgroup
from tests.cluster.agent.container import Container, NoImage, Start
from tests.cluster.agent.environment import Facts, MissingReference
from tests.cluster.agent.images import Image, find
from tests.cluster.agent.kube import Kube, Refused
from tests.cluster.agent.network import PodNetwork
from tests.cluster.agent.sandbox import Mount, Sandbox
from tests.cluster.agent.status import waiting
from tests.cluster.agent.volumes import Volumes

_USERS = (
    "root:x:0:0:root:/root:/bin/sh\nnonroot:x:65532:65532:nonroot:/home/nonroot:/usr/sbin/nologin\n"
)
_GATHER_S = 0.02
"""Changes that come together are told together."""


class Machine(Protocol):
    """The node that a pod runs on."""

    kube: Kube
    network: PodNetwork
    session: aiohttp.ClientSession
    images: Mapping[str, Image]
    opened: tuple[str, ...]
    backoff_s: float
    sync_s: float
    services: str
    """Address of the API server inside pods."""

    def take_devices(self, uid: str, resource: str, count: int) -> Sequence[int]:
        """Indices of devices that this pod has for itself."""

    def tell(self, pod: Mapping[str, Any], kind: str, reason: str, message: str) -> None:
        """Record an event."""


class Pod:
    """A pod that begins to run when it is made."""

    def __init__(self, machine: Machine, document: Mapping[str, Any], folder: Path) -> None:
        self.document = document
        self.network_namespace = machine.network.namespace(document["metadata"]["uid"])
        self.address = ""
        spec = document["spec"]
        self.grace_s = float(spec.get("terminationGracePeriodSeconds", 30))
        self.restart_policy: str = spec.get("restartPolicy", "Always")
        self.backoff_s = machine.backoff_s
        self.session = machine.session
        self._machine = machine
        self._folder = folder / document["metadata"]["uid"]
        self._folder.mkdir(parents=True, exist_ok=True)
        self._volumes = Volumes(document, self._folder / "volumes", machine.kube)
        self._first = [self._container(one) for one in spec.get("initContainers", ())]
        self._main = [self._container(one) for one in spec["containers"]]
        self._conditions: list[dict[str, Any]] = []
        self._is_initialised = not self._first
        self._codes: list[int] | None = None
        self._change = asyncio.Event()
        self._is_ending = False
        self._tasks = [
            asyncio.create_task(self._run()),
            asyncio.create_task(self._report()),
            asyncio.create_task(self._refresh()),
        ]

    @property
    def path(self) -> str:
        """Where the API server has it."""
        metadata = self.document["metadata"]
        return f"/api/v1/namespaces/{metadata['namespace']}/pods/{metadata['name']}"

    def changed(self) -> None:
        """Something about it is different and should be told."""
        self._change.set()

    def tell(self, kind: str, reason: str, message: str) -> None:
        """Record an event."""
        self._machine.tell(self.document, kind, reason, message)

    def log(self, container: str, *, is_previous: bool) -> bytes:
        """What a container printed in its current or its previous run."""
        (found,) = (one for one in (*self._first, *self._main) if one.name == container)
        file = found.log.with_suffix(".previous") if is_previous else found.log
        return file.read_bytes() if file.exists() else b""

    async def end(self, grace_s: float) -> None:
        """Stop the containers, tell the last status, and give back everything."""
        if self._is_ending:
            return
        self._is_ending = True
        running = [*self._first, *self._main]
        self.tell("Normal", "Killing", f"Stopping container {self._main[0].name}")
        await asyncio.gather(*(one.stop(grace_s) for one in running))
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._push()
        if self.address:
            await self._machine.network.disconnect(self.document["metadata"]["uid"], self.address)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def prepare(self, container: Container, cgroup: Cgroup) -> Start:
        """Everything that a start of the container takes.

        Raises:
            NoImage: No registry has its image.
            MissingReference: It names a Secret, ConfigMap or claim that is not there.
        """
        name = container.spec.get("image", "")
        image = find(self._machine.images, name)
        if image is None:
            raise NoImage(f'Failed to pull image "{name}": not found')
        variables = await self._variables(container, image)
        scratch = self._folder / f"root-{container.name}"
        scratch.mkdir(exist_ok=True)
        security = {
            **self.document["spec"].get("securityContext", {}),
            **container.spec.get("securityContext", {}),
        }
        sandbox = Sandbox(
            network_namespace=self.network_namespace,
            host_name=self.document["metadata"]["name"],
            scratch=scratch,
            mounts=(*self._name_files(), *self._volumes.mounts(container.spec)),
            group_members=cgroup.members,
            security=security,
            path=variables["PATH"],
            working_folder=container.spec.get("workingDir", "/"),
            opened=self._machine.opened,
        )
        command = environment.command_line(container.spec, image, variables)
        return Start(command, variables, sandbox)

    @property
    def _facts(self) -> Facts:
        return Facts(self.document, self.address, self._machine.network.gateway)

    def _container(self, spec: Mapping[str, Any]) -> Container:
        container = Container(spec, self, self._folder)
        known = self.document.get("status", {}).get("containerStatuses", ())
        for before in known:  # the machine went away under it: it starts again
            if before["name"] == container.name and "running" in before["state"]:
                container.condition.restarts = before["restartCount"] + 1
        return container

    def _name_files(self) -> tuple[Mount, ...]:
        """/etc/hosts and /etc/resolv.conf as every pod gets them, and the users of our images."""
        metadata = self.document["metadata"]
        texts = {
            "hosts": f"127.0.0.1 localhost\n{self.address} {metadata['name']}\n",
            "resolv.conf": names.resolv_conf(metadata["namespace"]),
            "passwd": _USERS,
        }
        for name, text in texts.items():
            (self._folder / name).write_text(text)
        return tuple(Mount(self._folder / name, f"/etc/{name}") for name in texts)

    async def _variables(self, container: Container, image: Image) -> dict[str, str]:
        texts = {
            (kind, name): await self._texts(kind, name)
            for kind, name in environment.references(container.spec)
        }
        own = environment.variables(
            container.spec, image, self._facts, lambda kind, name: texts[kind, name]
        )
        return {
            "PATH": os.environ["PATH"],
            "HOME": "/",
            "HOSTNAME": self.document["metadata"]["name"],
            "KUBERNETES_SERVICE_HOST": self._machine.services,
            "KUBERNETES_SERVICE_PORT": "443",
            **self._devices(container),
            **own,
        }

    def _devices(self, container: Container) -> dict[str, str]:
        """What NVIDIA's device plugin sets for the GPUs of a container."""
        limits = (container.spec.get("resources") or {}).get("limits", {})
        uid = self.document["metadata"]["uid"]
        taken = [
            str(index)
            for resource, amount in limits.items()
            if resource.startswith("nvidia.com/")
            for index in self._machine.take_devices(
                uid, resource, int(Quantity.parse(str(amount)).value)
            )
        ]
        return {"NVIDIA_VISIBLE_DEVICES": ",".join(taken)} if taken else {}

    async def _texts(self, kind: str, name: str) -> dict[str, str] | None:
        namespace = self.document["metadata"]["namespace"]
        try:
            found = await self._machine.kube.get(f"/api/v1/namespaces/{namespace}/{kind}/{name}")
        except Refused:
            return None
        return environment.decoded(kind, found)

    async def _run(self) -> None:
        self.address = await self._machine.network.connect(self.document["metadata"]["uid"])
        self.changed()
        await self._fill_volumes()
        for container in self._first:
            if await container.run(until_success=True):
                self._codes = [1]
                self.changed()
                return
        self._is_initialised = True
        self._codes = await asyncio.gather(*(one.run() for one in self._main))
        self.changed()

    async def _fill_volumes(self) -> None:
        while True:
            try:
                await self._volumes.write(self._facts)
            except (MissingReference, Refused) as error:
                self.tell("Warning", "FailedMount", str(error))
                await asyncio.sleep(self._machine.backoff_s)
            else:
                return

    async def _refresh(self) -> None:
        """Let changed ConfigMaps and Secrets reach the containers."""
        while True:
            await asyncio.sleep(self._machine.sync_s)
            if self.address:
                with contextlib.suppress(MissingReference, Refused):
                    await self._volumes.write(self._facts)

    async def _report(self) -> None:
        while True:
            await self._change.wait()
            self._change.clear()
            if not await self._push():
                self._change.set()
                await asyncio.sleep(self._machine.backoff_s)
            await asyncio.sleep(_GATHER_S)

    async def _push(self) -> bool:
        """Write the status; False where the API server did not take it."""
        body = {"metadata": {"uid": self.document["metadata"]["uid"]}, "status": self._status()}
        try:
            await self._machine.kube.merge(f"{self.path}/status", body)
        except Refused as refusal:
            return refusal.status in {404, 409}
        return True

    def _status(self) -> dict[str, Any]:
        for one in self._main:
            if not self._is_initialised and "waiting" in one.condition.state:
                one.condition.state = waiting("PodInitializing")
        main = [one.condition for one in self._main]
        self._conditions = status.conditions(
            self._conditions,
            main,
            is_initialised=self._is_initialised,
            has_address=bool(self.address),
        )
        host = self._machine.network.gateway
        ip = {"podIP": self.address, "podIPs": [{"ip": self.address}]} if self.address else {}
        first = [one.condition.document() for one in self._first]
        return {
            "phase": status.phase(main, self._codes),
            "conditions": self._conditions,
            "hostIP": host,
            "hostIPs": [{"ip": host}],
            "startTime": self.document["metadata"]["creationTimestamp"],
            **ip,
            **({"initContainerStatuses": first} if first else {}),
            "containerStatuses": [one.document() for one in main],
        }
