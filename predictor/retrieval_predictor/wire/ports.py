"""Ports of a predictor: for IPv6 and IPv4 alike, and held by its first process for all others."""

from __future__ import annotations

import errno
import socket
from typing import Final

from retrieval_predictor.errors import PortTaken

_BACKLOG: Final = 2048
"""Connections that wait to be accepted; Linux takes net.core.somaxconn where that is less."""


def listen(port: int, *, has_ipv6: bool) -> socket.socket:
    """A socket on which every process that inherits it accepts connections.

    With IPv6 it takes IPv4's too, which come from addresses such as `::ffff:10.0.0.7`.

    Raises:
        PortTaken: Somebody else listens there.
    """
    listener = _bound(port, has_ipv6=has_ipv6)
    listener.listen(_BACKLOG)
    return listener


def hold(port: int, *, has_ipv6: bool) -> socket.socket:
    """Keep a port for processes that each listen on it themselves, as gRPC servers do.

    Such processes share a port by SO_REUSEPORT, which a stranger under the same user could do too
    without anybody's notice; so it is first taken without it (socket(7)).

    Raises:
        PortTaken: Somebody else has it.
    """
    _bound(port, has_ipv6=has_ipv6).close()
    return _bound(port, has_ipv6=has_ipv6, is_shared=True)


def _bound(port: int, *, has_ipv6: bool, is_shared: bool = False) -> socket.socket:
    one = socket.socket(socket.AF_INET6 if has_ipv6 else socket.AF_INET)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if has_ipv6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
    if is_shared:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        one.bind(("", port))
    except OSError as error:
        one.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTaken(port) from None
        raise
    return one
