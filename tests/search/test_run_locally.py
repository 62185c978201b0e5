"""One command searches a folder on this machine, with the built-in model and a real reranker."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import httpx
import pytest

from tests.support.ports import free_ports

pytestmark = pytest.mark.timeout(600)

CATS = "# Cats\n\nCats sleep most of the day.\n\n# Engines\n\nA diesel engine burns oil.\n"


def test_a_folder_is_searched_with_one_command(tmp_path):
    folder = tmp_path / "texts"
    folder.mkdir()
    folder.joinpath("facts.md").write_text(CATS)
    base = _free_base()
    command = [sys.executable, "-m", "retrieval_search.commands.serve", "run", str(folder)]
    log = tmp_path / "log"
    with log.open("w") as output:
        process = subprocess.Popen(
            [*command, "--port-base", str(base)], stdout=output, stderr=subprocess.STDOUT
        )
    try:
        _wait_for(process, log, "Ctrl-C stops")
        asked = {"query": "what do pets do at noon?", "top_k": 1}
        answer = httpx.post(f"http://127.0.0.1:{base}/v1/search", json=asked, timeout=60).json()
        assert answer["results"][0]["title"] == "Cats"
        assert answer["reranked"] is True
        assert answer["space"].startswith("builtin://all-MiniLM-L6-v2/384/")
    finally:
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=120) == 0, log.read_text()


def _free_base():
    """A port whose neighbours 10, 11, 20 and 21 above are very likely free too."""
    return min(free_ports(1)[0], 60_000)


def _wait_for(process, log, words):
    end_s = time.monotonic() + 500
    while words not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < end_s, log.read_text()
        time.sleep(0.2)
