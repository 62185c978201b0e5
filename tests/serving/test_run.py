"""`retrieval run` serves the quickstart, shows what the README shows, and leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import httpx
import pytest

from tests.support.ports import free_ports

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]
PORTS = 12  # the second predictor listens 10 above the first, each on two
README = Path("README.md").read_text(encoding="utf-8")
FIRST_ANSWER = README.partition("<!-- first answer")[2].partition("```\n\n")[0]
"""What the README shows of the quickstart."""

QUICKSTART = Path("manifests/quickstart.yaml")
COMMAND = [sys.executable, "-m", "retrieval_operator.cli", "run", "-f"]


def lines_of(process: subprocess.Popen[str]) -> IO[str]:
    """The process's output; it was started with a pipe."""
    assert process.stdout is not None
    return process.stdout


def in_fp32(folder: Path) -> Path:
    """The quickstart on every machine as the README shows it; a CPU with bf16 would take that."""
    text = QUICKSTART.read_text(encoding="utf-8")
    assert text.count("er: {}") == 2
    manifest = folder / "quickstart.yaml"
    manifest.write_text(text.replace("er: {}", "er: {precision: fp32}"), encoding="utf-8")
    return manifest


def start(
    *arguments: str, manifest: Path = QUICKSTART, **environment: str
) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, str(manifest), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1", **environment},
    )


@pytest.fixture(scope="module")
def session(tmp_path_factory) -> Iterator[tuple[str, int, subprocess.Popen[str]]]:
    """What a newcomer's terminal shows until it is ready, and the port it was given."""
    port = free_ports(PORTS)[0]
    folder, manifest = tmp_path_factory.mktemp("run"), in_fp32(tmp_path_factory.mktemp("manifest"))
    ports = ("--port-base", str(port))
    process = start(*ports, manifest=manifest, RETRIEVAL_RUNTIME_DIR=str(folder))
    lines = []
    for line in lines_of(process):
        lines.append(line)
        if "Ctrl-C stops" in line:
            break
    yield "".join(lines), port, process
    process.send_signal(signal.SIGINT)
    with lines_of(process) as output:
        rest = output.read()
    assert process.wait(timeout=60) == 0, rest
    assert not list(folder.iterdir())


def shown(text: str) -> dict[str, str]:
    """Answers by the path of the curl above them."""
    return dict(re.findall(r"^\$ curl -s \S+?:\d+(\S+) .*\n(.*)$", text, re.MULTILINE))


def same_numbers(one: str, other: str) -> bool:
    pattern = r"-?\d+\.\d{3,}"
    pairs = zip(re.findall(pattern, one), re.findall(pattern, other), strict=True)
    return all(abs(float(a) - float(b)) < 1e-4 for a, b in pairs)


def test_a_newcomer_sees_the_answers_that_the_readme_shows(session):
    text, _, _ = session
    printed, promised = shown(text), shown(FIRST_ANSWER)
    assert set(printed) == set(promised) == {"/v1/embeddings", "/v1/rerank"}
    for path, answer in printed.items():
        steady = re.compile(r'"id":"\w+"|-?\d+\.\d+(e-\d+)?|….\d*,|…\s\S*?,')
        assert steady.sub("", answer)[-120:] == steady.sub("", promised[path])[-120:]
    assert json.loads(printed["/v1/rerank"])["results"][0]["index"] == 0
    assert same_numbers(printed["/v1/rerank"], promised["/v1/rerank"])


def test_the_printed_curls_can_be_pasted_and_are_those_of_the_readme(session):
    text, _, _ = session
    printed = re.findall(r"^\$ curl -s (\S+) -d (.*)$", text, re.MULTILINE)
    promised = re.findall(r"^\$ curl -s \S+ -d (.*)$", FIRST_ANSWER, re.MULTILINE)
    assert [body for _, body in printed] == promised
    for url, body in printed:
        answer = httpx.post(url, content=shlex.split(body)[0], timeout=30)
        assert answer.status_code == 200


def test_ports_are_where_they_are_said_to_be(session):
    _, port, _ = session
    for offset, name in ((0, "embedder"), (10, "reranker")):
        answer = httpx.get(f"http://127.0.0.1:{port + offset}/v2/models/{name}/ready", timeout=10)
        assert answer.json() == {"name": name, "ready": True}
        with socket.create_connection(("127.0.0.1", port + offset + 1), timeout=5):
            pass


def test_a_taken_port_is_named_before_anything_starts():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        process = start("--port-base", str(port))
        output, _ = process.communicate(timeout=120)
    assert process.returncode == 2
    assert (
        output == f"port {port} is taken; stop what listens there, or move all with --port-base\n"
    )


def test_a_predictor_that_cannot_start_ends_the_command_with_its_reason(tmp_path):
    broken = tmp_path / "service.yaml"
    broken.write_text(
        "apiVersion: retrieval.io/v1alpha1\nkind: RetrievalService\nmetadata: {name: x}\n"
        "spec: {embedder: {}}\n"
    )
    port = free_ports(PORTS)[0]
    process = subprocess.Popen(
        [*COMMAND, str(broken), "--port-base", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "RETRIEVAL_RUNTIME_DIR": "/proc/none"},
    )
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1
    assert "/proc/none" in output
    assert "a predictor ended; its last lines above say why" in output
