"""The ports that tests hand out."""

from __future__ import annotations

import socket
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

from tests.support import ports
from tests.support.ports import PORTS, free_ports

ASKING = "from tests.support.ports import free_ports; print(*(free_ports(1)[0] for _ in range(20)))"


def test_processes_that_ask_at_the_same_time_are_given_different_ports():
    def asked(_: int) -> list[str]:
        return subprocess.check_output([sys.executable, "-c", ASKING], text=True).split()

    with ThreadPoolExecutor(4) as pool:
        given = [port for ports in pool.map(asked, range(4)) for port in ports]
    assert len(set(given)) == len(given) == 80


def test_ports_come_in_a_row_and_skip_those_where_something_listens(monkeypatch, tmp_path):
    row = free_ports(18)  # ours alone, and given out once more from a file of our own
    monkeypatch.setattr(ports, "_NEXT", tmp_path / "next")
    (tmp_path / "next").write_text(str(row[0]))
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(("127.0.0.1", row[5]))
        taken.listen()
        assert free_ports(12) == row[6:] == tuple(range(row[6], row[6] + 12))
    assert set(row) <= set(PORTS)
