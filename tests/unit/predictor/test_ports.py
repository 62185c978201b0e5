"""A predictor listens for IPv6 and IPv4 alike, and never shares a port with a stranger."""

from __future__ import annotations

import socket

import pytest

from retrieval_predictor.edge.callers import plain_address
from retrieval_predictor.errors import PortTaken
from retrieval_predictor.wire import ports
from tests.support.ports import free_ports

KINDS = sorted({False, socket.has_dualstack_ipv6()})


@pytest.mark.parametrize("has_ipv6", KINDS)
def test_clients_connect_by_every_address_that_the_machine_has(has_ipv6: bool):
    (port,) = free_ports(1)
    hosts = ("127.0.0.1", "::1") if has_ipv6 else ("127.0.0.1",)
    with ports.listen(port, has_ipv6=has_ipv6) as listener:
        for host in hosts:
            with socket.create_connection((host, port), timeout=10):
                accepted, peer = listener.accept()
                accepted.close()
                assert plain_address(peer[0]) == host


@pytest.mark.parametrize("has_ipv6", KINDS)
def test_a_port_that_is_held_can_be_listened_on_by_each_worker_itself(has_ipv6: bool):
    (port,) = free_ports(1)
    host = "::" if has_ipv6 else "0.0.0.0"
    family = socket.AF_INET6 if has_ipv6 else socket.AF_INET
    with ports.hold(port, has_ipv6=has_ipv6), socket.socket(family) as worker:
        worker.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        worker.bind((host, port))
        worker.listen()
        with socket.create_connection(("127.0.0.1", port), timeout=10):
            worker.accept()[0].close()


@pytest.mark.parametrize("take", [ports.listen, ports.hold])
@pytest.mark.parametrize("has_ipv6", KINDS)
def test_a_port_that_a_stranger_would_share_is_refused_by_its_number(take, has_ipv6: bool):
    (port,) = free_ports(1)
    with socket.socket() as stranger:
        stranger.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        stranger.bind(("0.0.0.0", port))
        stranger.listen()
        with pytest.raises(PortTaken, match=f"port {port} is taken"):
            take(port, has_ipv6=has_ipv6)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        ("10.0.0.7", "10.0.0.7"),
        ("::ffff:10.0.0.7", "10.0.0.7"),
        ("%5B::1%5D", "::1"),
        ("[fd00::7]", "fd00::7"),
        ("::ffff:a00:7", "::ffff:a00:7"),
        ("", ""),
    ],
)
def test_an_address_has_one_form_however_the_connection_came(written: str, plain: str):
    assert plain_address(written) == plain
