"""A server tells why it did not start, and never outlives the tests."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.cluster.api import until
from tests.cluster.process import Command, NotReady, Server

PARENT = """
import sys
from pathlib import Path
from tests.cluster.process import Command, Server
server = Server(Command("sleeper", Path("/bin/sleep"), ("60",), lambda: True), Path(sys.argv[1]))
server.begin()
print(server.pid, flush=True)
"""


def test_a_server_that_ends_tells_its_log(tmp_path: Path):
    script = ("-c", "import sys; sys.exit('the port is taken')")
    server = Server(Command("broken", Path(sys.executable), script, lambda: False), tmp_path)
    server.begin()
    with pytest.raises(NotReady, match="the port is taken"):
        server.wait_ready()
    server.stop()


def test_a_stopped_server_starts_again_with_a_new_process(tmp_path: Path):
    server = Server(Command("sleeper", Path("/bin/sleep"), ("60",), lambda: True), tmp_path)
    server.begin()
    first = server.pid
    server.stop()
    assert server.pid is None
    server.begin()
    assert server.pid not in {None, first}
    server.kill()


@pytest.mark.skipif(sys.platform != "linux", reason="prctl(2) is Linux's")
def test_a_server_dies_with_the_tests(tmp_path: Path):
    told = subprocess.run(
        [sys.executable, "-c", PARENT, str(tmp_path)], capture_output=True, text=True, check=True
    )
    process = Path("/proc") / told.stdout.strip()

    def is_gone() -> bool:
        try:
            return ") Z " in (process / "stat").read_text()
        except OSError:
            return True

    until(is_gone, "the server is gone")
