"""A cluster on this machine, as far as a control plane goes: plain processes on 127.0.0.1.

`serve` brings up the API server with our kind, `run` adds KServe, the controllers and fake nodes.
Any server can be stopped and started again on its port, with its data.
"""

from __future__ import annotations

import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from retrieval_operator.crd import definition
from tests.cluster import controlplane, kserve, tools
from tests.cluster.api import (
    INFERENCE_SERVICE,
    OBJECTS,
    REFERENCE,
    SERVICE_ACCOUNT,
    Api,
    Document,
    Refused,
    until,
)
from tests.cluster.kserve import Schemas
from tests.cluster.kwok import kwok
from tests.cluster.process import Server
from tests.cluster.site import site

_CONTROLLERS = ("controller-manager", "scheduler", "kwok")
_ADMIN = "lab-admin"


class Lab:
    """The servers of one lab by name: etcd, apiserver, controller-manager, scheduler, kwok, kserve.

    `folder` has their logs, `api` is the administrator's client and `kubeconfig` the same access.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.site = site(folder)
        admin = self.site.authority.client(_ADMIN, ["system:masters"])
        self.kubeconfig = self.site.kubeconfig(_ADMIN, admin)
        self.api = Api(self.site.url, self.site.authority.certificate, admin)
        commands = (
            controlplane.etcd(self.site),
            controlplane.api_server(self.site),
        )
        self._servers = {command.name: Server(command, folder) for command in commands}

    def serve(self) -> None:
        """Start etcd and the API server, and install our CustomResourceDefinition."""
        self.start("etcd", "apiserver")
        self.api.apply(definition())
        self._await_paths([OBJECTS, REFERENCE])

    def run(self, schemas: Schemas | None = "minimal") -> None:
        """Add KServe, unless `schemas` is None, the controllers, and kwok for the nodes."""
        if schemas:
            self.install_kserve(schemas)
        commands = (
            controlplane.controller_manager(self.site),
            controlplane.scheduler(self.site),
            kwok(self.site, self.kubeconfig),
        )
        self._servers |= {command.name: Server(command, self.folder) for command in commands}
        self.start(*_CONTROLLERS)
        until(lambda: self.api.find(SERVICE_ACCOUNT, "default"), "the default ServiceAccount")

    def install_kinds(self, schemas: Schemas = "minimal") -> None:
        """Serve KServe's kinds, with nobody who acts on them."""
        self._apply(kserve.definitions(schemas))
        until(lambda: all(map(self.api.serves, kserve.KINDS)), "KServe's kinds are served")

    def install_kserve(self, schemas: Schemas = "minimal") -> None:
        """Install KServe and start its controller; InferenceServices work when this returns."""
        self.install_kinds(schemas)
        self._apply(kserve.installation())
        token = self.api.token(kserve.ACCOUNT, kserve.NAMESPACE)
        self._servers["kserve"] = Server(kserve.controller(self.site, token), self.folder)
        self.start("kserve")
        self._apply(kserve.webhooks(self.site))
        until(self._webhooks_act, "KServe's webhooks act")
        self._relearn_kinds()

    def remove_kserve(self) -> None:
        """Delete every InferenceService, then KServe and its kinds."""
        for service in self.api.list(INFERENCE_SERVICE, namespace=""):
            name, namespace = service["metadata"]["name"], service["metadata"]["namespace"]
            self.api.delete(INFERENCE_SERVICE, name, namespace)
            self.api.wait_gone(INFERENCE_SERVICE, name, namespace)
        self._delete(kserve.webhooks(self.site))
        self.stop("kserve")
        self._delete(kserve.definitions("minimal"))
        until(self._has_no_kserve, "KServe's kinds are gone")
        self._relearn_kinds()

    def start(self, *names: str) -> None:
        """Start servers together and return when all are ready."""
        servers = [self._servers[name] for name in names]
        for server in servers:
            server.begin()
        for server in servers:
            server.wait_ready()

    def stop(self, *names: str) -> None:
        """End servers in this order; their data and ports stay."""
        for name in names:
            self._servers[name].stop()

    def kill(self, *names: str) -> None:
        """End servers as a power cut would."""
        for name in names:
            self._servers[name].kill()

    def pids(self) -> dict[str, int]:
        """The process ids of the servers that run."""
        return {name: one.pid for name, one in self._servers.items() if one.pid is not None}

    def close(self) -> None:
        """End everything, the last started first."""
        self.api.close()
        self.stop(*reversed(self._servers))

    def kubectl(self, *arguments: str) -> str:
        """What kubectl prints; a failure raises with what it said."""
        command = (
            str(tools.ensure("kubectl")),
            f"--kubeconfig={self.kubeconfig}",
            f"--cache-dir={self.folder / 'kubectl-cache'}",
        )
        done = subprocess.run((*command, *arguments), capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(done.stderr)
        return done.stdout

    def account(self, name: str, namespace: str, server: str | None = None) -> Path:
        """A kubeconfig with a ServiceAccount's rights, reaching the API server at `server`."""
        token = self.api.token(name, namespace)
        return self.site.kubeconfig(f"{namespace}-{name}", token, server)

    def _has_no_kserve(self) -> bool:
        """Let go what an operator made meanwhile: nobody is left to take its finalizer off."""
        try:
            for one in self.api.list(INFERENCE_SERVICE, namespace=""):
                where = one["metadata"]["name"], {"metadata": {"finalizers": None}}
                self.api.patch(INFERENCE_SERVICE, *where, one["metadata"]["namespace"])
        except (LookupError, Refused):
            pass  # the object or its kind has gone meanwhile
        return not any(map(self.api.serves, kserve.KINDS))

    def _relearn_kinds(self) -> None:
        """Kinds that come later are garbage collected only 30 s on: a restart looks at once."""
        if "controller-manager" in self.pids():
            self.stop("controller-manager")
            self.start("controller-manager")

    def _webhooks_act(self) -> bool:
        try:
            return kserve.is_defaulted(self.api.try_out(kserve.probe()))
        except Refused:
            return False

    def _await_paths(self, paths: Iterable[str]) -> None:
        until(lambda: all(map(self.api.answers, paths)), f"{paths} are served")

    def _apply(self, documents: Iterable[Document]) -> None:
        for document in documents:
            self.api.apply(document)

    def _delete(self, documents: Iterable[Document]) -> None:
        for document in documents:
            kind = f"{document['apiVersion']}/{document['kind']}"
            self.api.delete(kind, document["metadata"]["name"])


@contextmanager
def lab(folder: Path) -> Iterator[Lab]:
    """A lab that serves our kind for the length of a `with` block."""
    running = Lab(folder)
    try:
        running.serve()
        yield running
    finally:
        running.close()
