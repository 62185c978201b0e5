"""Cluster DNS for Services: `NAME.NAMESPACE.svc.cluster.local` as the cluster IP.

Every other name does not exist, and is said not to at once. Only what is asked of IPv4 is answered.
Source: RFC 1035, sections 4.1.1 to 4.1.4; Kubernetes documentation, "DNS for Services and Pods".
"""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable
from ipaddress import IPv4Address

ADDRESS = "10.96.0.10"
"""Where pods ask; Services get no address of the lower part of their range by themselves."""
_DOMAIN = ".svc.cluster.local"
_HEADER = struct.Struct("!HHHHHH")
_ANSWERED, _NO_SUCH_NAME = 0x8580, 0x8583  # authoritative answers
_A, _IN = 1, 1
_TTL_S = 5
Resolve = Callable[[str, str], str | None]
"""(namespace, name) -> cluster IP, or None."""


def resolv_conf(namespace: str) -> str:
    """The pod's /etc/resolv.conf, as the kubelet writes it for the policy ClusterFirst."""
    domains = f"{namespace}{_DOMAIN} svc.cluster.local cluster.local"
    return f"nameserver {ADDRESS}\nsearch {domains}\noptions ndots:5\n"


def answer(query: bytes, resolve: Resolve) -> bytes:
    """The reply to one datagram. Pure but for `resolve`."""
    identity = _HEADER.unpack_from(query)[0]
    name, end = _question(query)
    kind, _ = struct.unpack_from("!HH", query, end)
    question = query[_HEADER.size : end + 4]
    address = _cluster_ip(name, resolve)
    if address is None:
        return _HEADER.pack(identity, _NO_SUCH_NAME, 1, 0, 0, 0) + question
    if kind != _A:
        return _HEADER.pack(identity, _ANSWERED, 1, 0, 0, 0) + question
    pointer_to_name = 0xC000 | _HEADER.size
    record = struct.pack("!HHHIH", pointer_to_name, _A, _IN, _TTL_S, 4)
    head = _HEADER.pack(identity, _ANSWERED, 1, 1, 0, 0)
    return head + question + record + IPv4Address(address).packed


async def serve(resolve: Resolve) -> asyncio.DatagramTransport:
    """Answer on `ADDRESS`, which this machine has to have."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(
        lambda: _Server(resolve), local_addr=(ADDRESS, 53)
    )
    return transport


class _Server(asyncio.DatagramProtocol):
    def __init__(self, resolve: Resolve) -> None:
        self._resolve = resolve
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:  # type: ignore[override]
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        self._transport.sendto(answer(data, self._resolve), addr)


def _question(query: bytes) -> tuple[str, int]:
    """The name that is asked for, and where it ends."""
    labels, at = [], _HEADER.size
    while length := query[at]:
        labels.append(query[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels).lower(), at + 1


def _cluster_ip(name: str, resolve: Resolve) -> str | None:
    service, dot, namespace = name.removesuffix(_DOMAIN).partition(".")
    if not name.endswith(_DOMAIN) or not dot or "." in namespace:
        return None
    return resolve(namespace, service)
