"""Addresses of pods: a bridge for each node, a network namespace for each pod.

The node's address on the bridge is the pods' gateway and their way to Services, so nothing is
forwarded or translated and the host's firewall is left alone. Pods of two nodes cannot reach one
another except through a Service. Needs root.
"""

from __future__ import annotations

import fcntl
from ipaddress import IPv4Network
from pathlib import Path
from typing import IO

from tests.cluster.agent.shell import attempt, run

_LOCKS = Path("/run/lock")
_MAC = "02:00:00:00:00:01"
"""Without one a bridge takes the lowest of its ports', and pods that know the old one lose it."""


class Taken(Exception):
    """Another process of this machine has these addresses."""


def lock(name: str) -> IO[str]:
    """Hold a network device's name on this machine until the file is closed.

    Raises:
        Taken: Somebody else holds it.
    """
    file = (_LOCKS / f"{name}.lock").open("w")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        file.close()
        raise Taken(f"{name} belongs to another test run on this machine; wait for it") from error
    return file


class PodNetwork:
    """The pods' network of one node."""

    def __init__(self, cidr: str) -> None:
        self._network = IPv4Network(cidr)
        hosts = self._network.hosts()
        self.gateway = str(next(hosts))
        self._free = [str(host) for host in hosts]
        self.name = "pods-" + "-".join(cidr.split(".")[:3])
        self._lock: IO[str] | None = None

    async def open(self) -> None:
        """Make the bridge anew."""
        self._lock = lock(self.name)
        await self._sweep()
        await run("ip", "link", "add", self.name, "address", _MAC, "type", "bridge")
        length = self._network.prefixlen
        await run("ip", "addr", "add", f"{self.gateway}/{length}", "dev", self.name)
        await run("ip", "link", "set", self.name, "up")

    async def close(self) -> None:
        """Remove the bridge."""
        await attempt("ip", "link", "del", self.name)
        if self._lock:
            self._lock.close()

    def namespace(self, uid: str) -> str:
        """The network namespace of a pod."""
        return f"{self.name}-{uid[:13]}"

    async def connect(self, uid: str) -> str:
        """Make a pod's network namespace with an address of its own; the address."""
        address, end, namespace = self._free.pop(0), f"v{uid[:13]}", self.namespace(uid)
        steps = (
            f"netns add {namespace}",
            f"link add {end} type veth peer name eth0 netns {namespace}",
            f"link set {end} master {self.name} up",
            f"-n {namespace} link set lo up",
            f"-n {namespace} addr add {address}/{self._network.prefixlen} dev eth0",
            f"-n {namespace} link set eth0 up",
            f"-n {namespace} route add default via {self.gateway}",
        )
        for step in steps:
            await run("ip", *step.split())
        return address

    async def disconnect(self, uid: str, address: str) -> None:
        """Remove a pod's namespace; its address may be given to another pod."""
        await attempt("ip", "netns", "del", self.namespace(uid))
        self._free.append(address)

    async def _sweep(self) -> None:
        """Remove what a killed agent left."""
        for name in (await run("ip", "netns", "list")).split():
            if name.startswith(f"{self.name}-"):
                await attempt("ip", "netns", "del", name)
        await attempt("ip", "link", "del", self.name)
