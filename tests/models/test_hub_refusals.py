"""What a hub refuses is told with what its author can do about it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import pytest

from tests.support.ports import free_ports
from tests.support.private_hub import COMMIT, NAME, TOKEN, PrivateHub, private_hub
from tests.support.web import web_server

FETCH = """
import sys
from retrieval_predictor.errors import ModelNotFound
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.settings import ModelSource

try:
    print(fetch(ModelSource(uri=sys.argv[1], revision=sys.argv[2])))
except ModelNotFound as error:
    print(error)
"""


class _Refusing(BaseHTTPRequestHandler):
    """A proxy that lets nobody out."""

    def do_CONNECT(self) -> None:
        self.send_error(403, "not allowed here")

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[PrivateHub]:
    """A hub whose repository has a checkpoint's first file."""
    folder = tmp_path / "repository"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with private_hub(folder, "127.0.0.1") as running:
        yield running


def fetched(url: str, folder: Path, revision: str = COMMIT, **variables: str) -> str:
    """What a process with these variables makes of the address; the client reads them once."""
    known = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    environment = known | variables | {"HF_ENDPOINT": url, "HF_HOME": str(folder / "home")}
    command = [sys.executable, "-c", FETCH, f"hf://{NAME}", revision]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_a_private_model_is_fetched_with_its_token(hub: PrivateHub, tmp_path: Path):
    folder = Path(fetched(hub.url, tmp_path, HF_TOKEN=TOKEN))
    assert folder.name == COMMIT
    assert (folder / "config.json").read_text() == "{}"


def test_without_a_token_one_is_asked_for(hub: PrivateHub, tmp_path: Path):
    said = fetched(hub.url, tmp_path)
    assert said.startswith(f"no model at hf://{NAME}: no such repository, or it is private")
    assert "HF_TOKEN (in a cluster the Secret of model.tokenSecret)" in said


def test_a_wrong_token_is_to_be_renewed(hub: PrivateHub, tmp_path: Path):
    said = fetched(hub.url, tmp_path, HF_TOKEN="hf_another")
    assert "the hub does not accept the token: renew HF_TOKEN" in said
    assert "hf_another" not in said


def test_an_unknown_revision_is_named(hub: PrivateHub, tmp_path: Path):
    said = fetched(hub.url, tmp_path, revision="0" * 40, HF_TOKEN=TOKEN)
    assert said == f"no model at hf://{NAME}: the repository has no revision {'0' * 40}"


def test_a_hub_that_nobody_reaches_is_told_with_why(tmp_path: Path):
    (port,) = free_ports(1)
    said = fetched(f"http://127.0.0.1:{port}", tmp_path)
    assert said.startswith(f"no model at hf://{NAME}: download failed (ConnectError): ")
    assert "refused" in said


def test_a_proxy_that_lets_nobody_out_is_told_with_why(tmp_path: Path):
    with web_server(_Refusing) as proxy:
        variables = {"HTTPS_PROXY": f"http://{proxy}", "NO_PROXY": ""}
        said = fetched("https://hub.invalid", tmp_path, **variables)
    assert said.startswith(f"no model at hf://{NAME}: download failed (ProxyError): ")
    assert "403 not allowed here" in said
