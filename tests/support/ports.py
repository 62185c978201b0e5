"""Ports for the servers of tests: no two askers on this machine are given the same one.

A port that the kernel picks can be taken by any outgoing connection before the server of the
test listens on it. These lie below the ports of connections (Linux: 32768 and above,
`net.ipv4.ip_local_port_range`; BSD and macOS: 49152), and a file that all test processes share
says where the next asker goes on.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

PORTS: Final = range(20_000, 30_000)  # 30000 and above are Kubernetes' node ports
_NEXT: Final = Path(tempfile.gettempdir()) / f"retrieval-test-ports-{os.getuid()}"


def free_ports(count: int) -> tuple[int, ...]:
    """That many ports, one after the other, that nothing listens on and nobody else was given.

    Raises:
        OSError: There is no such row of ports.
    """
    with _NEXT.open("a+", encoding="utf-8") as shared:
        fcntl.flock(shared, fcntl.LOCK_EX)
        shared.seek(0)
        first = _first_free(int(shared.read() or PORTS.start), count)
        shared.truncate(0)
        shared.write(str(first + count))
    return tuple(range(first, first + count))


def _first_free(start: int, count: int) -> int:
    for first in itertools.islice(_round_from(start, count), len(PORTS)):
        if all(map(_is_free, range(first, first + count))):
            return first
    raise OSError(f"no {count} free ports in a row between {PORTS.start} and {PORTS.stop}")


def _round_from(start: int, count: int) -> Iterator[int]:
    """Every place for a row of ports, from `start` on and then from the beginning."""
    places = range(PORTS.start, PORTS.stop - count + 1)
    return itertools.chain((one for one in places if one >= start), places)


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("", port))
        except OSError:
            return False
    return True
