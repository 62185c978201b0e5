"""`python -m tests.cluster.agent.services`: cluster IPs that work, without kube-proxy.

Every cluster IP is an address of this machine, and each of its ports a listener that passes new
connections to a ready endpoint chosen at random, as kube-proxy's rules do; a connection that is
open stays with its pod until either side closes it. The Service `kubernetes` leads to the API
server, and names of Services are answered as a cluster's DNS would. TCP only.
Needs root and iproute2.
Source: Kubernetes documentation, "Virtual IPs and Service Proxies".
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.cluster.agent import names
from tests.cluster.agent.kube import Document, Kube
from tests.cluster.agent.network import lock
from tests.cluster.agent.shell import attempt, check, run

Endpoint = tuple[str, int]
_BRIDGE = "cluster-ips"
_CHUNK_BYTES = 1 << 16


@dataclass(slots=True)
class Backends:
    """The endpoints of every Service port; pure bookkeeping over EndpointSlices."""

    slices: dict[str, Document] = field(default_factory=dict)

    def change(self, kind: str, document: Document) -> None:
        """Take one event of a watch."""
        uid = document["metadata"]["uid"]
        if kind == "DELETED":
            self.slices.pop(uid, None)
        else:
            self.slices[uid] = document

    def of(self, namespace: str, service: str, port: str | None) -> list[Endpoint]:
        """Ready endpoints, or those that still serve while they end where none is ready."""
        found = [
            (endpoint, number)
            for document in self.slices.values()
            if _belongs(document, namespace, service)
            for number in _numbers(document, port)
            for endpoint in document.get("endpoints") or ()
        ]
        for wanted in ("ready", "serving"):
            chosen = [
                (address, number)
                for endpoint, number in found
                if (endpoint.get("conditions") or {}).get(wanted)
                for address in endpoint["addresses"]
            ]
            if chosen:
                return chosen
        return []


class Proxy:
    """The listeners of all Services."""

    def __init__(self, kube: Kube) -> None:
        self._kube = kube
        self._backends = Backends()
        self._listeners: dict[tuple[str, int], asyncio.Server] = {}
        self._owners: dict[str, set[tuple[str, int]]] = {}
        self._addresses: dict[tuple[str, str], str] = {}

    async def serve(self) -> None:
        """Follow Services and EndpointSlices for ever."""
        await run("ip", "addr", "add", f"{names.ADDRESS}/32", "dev", _BRIDGE)
        await names.serve(lambda namespace, name: self._addresses.get((namespace, name)))
        await asyncio.gather(self._follow_services(), self._follow_slices())

    async def _follow_slices(self) -> None:
        path = "/apis/discovery.k8s.io/v1/endpointslices"
        async for kind, found in self._kube.follow(path):
            if kind == "LISTED":
                self._backends.slices = {one["metadata"]["uid"]: one for one in found}
            else:
                self._backends.change(kind, found)

    async def _follow_services(self) -> None:
        async for kind, found in self._kube.follow("/api/v1/services"):
            if kind == "LISTED":
                for gone in self._owners.keys() - {one["metadata"]["uid"] for one in found}:
                    await self._close(gone)
                for service in found:
                    await self._open(service)
            elif kind == "DELETED":
                await self._close(found["metadata"]["uid"])
            else:
                await self._open(found)

    async def _open(self, service: Document) -> None:
        """Listen on the ports that the Service has now."""
        address, uid = service["spec"].get("clusterIP"), service["metadata"]["uid"]
        if address in {None, "", "None"}:
            return
        self._addresses[service["metadata"]["namespace"], service["metadata"]["name"]] = address
        ports = {
            (address, one["port"]): one
            for one in service["spec"].get("ports", ())
            if one.get("protocol", "TCP") == "TCP"
        }
        for gone in self._owners.get(uid, set()) - ports.keys():
            self._listeners.pop(gone).close()
        await attempt("ip", "addr", "add", f"{address}/32", "dev", _BRIDGE)
        for place in ports.keys() - self._listeners.keys():
            handler = self._handler(service["metadata"], ports[place].get("name"))
            self._listeners[place] = await asyncio.start_server(handler, *place)
        self._owners[uid] = set(ports)

    async def _close(self, uid: str) -> None:
        for address, port in self._owners.pop(uid, set()):
            self._listeners.pop((address, port)).close()
            await attempt("ip", "addr", "del", f"{address}/32", "dev", _BRIDGE)
            self._addresses = {
                name: kept for name, kept in self._addresses.items() if kept != address
            }

    def _handler(self, metadata: Mapping[str, Any], port: str | None) -> Any:
        namespace, name = metadata["namespace"], metadata["name"]

        async def accepted(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            if (namespace, name) == ("default", "kubernetes"):
                server = urlsplit(self._kube.url)
                endpoints = [(str(server.hostname), server.port or 443)]
            else:
                endpoints = self._backends.of(namespace, name, port)
            with contextlib.suppress(asyncio.CancelledError):  # only when everything ends
                await _relay(reader, writer, endpoints)
            writer.close()

        return accepted


async def _relay(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, endpoints: list[Endpoint]
) -> None:
    """Pass bytes both ways until both sides are done; without an endpoint the caller is cut off."""
    if not endpoints:
        writer.transport.abort()
        return
    try:
        upstream, downstream = await asyncio.open_connection(*random.choice(endpoints))
    except OSError:
        writer.transport.abort()
        return
    try:
        await asyncio.gather(_pump(reader, downstream), _pump(upstream, writer))
    except OSError:  # either side reset it, and so do we
        writer.transport.abort()
        downstream.transport.abort()
    finally:
        downstream.close()


async def _pump(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
    while chunk := await source.read(_CHUNK_BYTES):
        target.write(chunk)
        await target.drain()
    if target.can_write_eof():
        with contextlib.suppress(OSError):
            target.write_eof()


def _belongs(document: Document, namespace: str, service: str) -> bool:
    metadata = document["metadata"]
    labels = metadata.get("labels") or {}
    return (
        metadata["namespace"] == namespace and labels.get("kubernetes.io/service-name") == service
    )


def _numbers(document: Document, port: str | None) -> list[int]:
    return [
        one["port"]
        for one in document.get("ports") or ()
        if (one.get("name") or None) == (port or None)
    ]


async def _main(given: argparse.Namespace) -> None:
    check()
    with lock(_BRIDGE):
        await attempt("ip", "link", "del", _BRIDGE)
        await run("ip", "link", "add", _BRIDGE, "type", "bridge")
        await run("ip", "link", "set", _BRIDGE, "up")
        try:
            async with Kube(given.kubeconfig) as kube:
                serving = asyncio.ensure_future(Proxy(kube).serve())
                loop = asyncio.get_running_loop()
                loop.add_signal_handler(signal.SIGTERM, serving.cancel)
                with contextlib.suppress(asyncio.CancelledError):
                    await serving
        finally:
            await attempt("ip", "link", "del", _BRIDGE)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kubeconfig", type=Path, required=True)
    asyncio.run(_main(parser.parse_args()))
