"""A hub on this machine with one private repository, as huggingface_hub 2 downloads from it.

Source: Hugging Face Hub API, GET /api/models/NAME/tree/REVISION and /NAME/resolve/REVISION/FILE;
huggingface_hub 2.4, utils/_http.py: what X-Error-Code and X-Error-Message mean.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.support.web import web_server

NAME: Final = "our-team/minilm-tuned"
COMMIT: Final = "5617a9f61b028005a4858fdac845db406aefb181"
TOKEN: Final = "hf_of-the-tests"
_TREE: Final = f"/api/models/{NAME}/tree/{COMMIT}"
_FILES: Final = f"/{NAME}/resolve/{COMMIT}/"


@dataclass(frozen=True, slots=True)
class PrivateHub:
    """Where it listens, and what was asked for with the right token."""

    url: str
    seen: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


@contextmanager
def private_hub(folder: Path, address: str) -> Iterator[PrivateHub]:
    """A hub that has the files of `folder` at one commit, for whoever sends the token."""
    seen: list[str] = []
    handler = type("Handler", (_Handler,), {"folder": folder, "seen": seen})
    with web_server(handler, address) as where:
        yield PrivateHub(f"http://{where}", seen)


def answer(folder: Path, path: str, authorization: str | None) -> Answer:
    """The hub's answer to a request for a path."""
    if authorization is None:
        return Answer(401, headers={"X-Error-Code": "RepoNotFound"})
    if authorization != f"Bearer {TOKEN}":
        text = "Invalid credentials in Authorization header"
        return Answer(401, headers={"X-Error-Message": text})
    if path == _TREE:
        return Answer(200, _tree(folder), {"Content-Type": "application/json"})
    if not path.startswith(_FILES):
        return Answer(404, headers={"X-Error-Code": "RevisionNotFound"})
    file = folder / path.removeprefix(_FILES)
    if not file.is_file():
        return Answer(404, headers={"X-Error-Code": "EntryNotFound", "X-Repo-Commit": COMMIT})
    return Answer(200, file.read_bytes(), {"ETag": f'"{_blob(file)}"', "X-Repo-Commit": COMMIT})


def _tree(folder: Path) -> bytes:
    files = sorted(one for one in folder.rglob("*") if one.is_file())
    return json.dumps(
        [
            {
                "type": "file",
                "path": str(one.relative_to(folder)),
                "size": one.stat().st_size,
                "oid": _blob(one),
            }
            for one in files
        ]
    ).encode()


def _blob(file: Path) -> str:
    """Git's name of the content."""
    content = file.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path
    seen: list[str]

    def do_GET(self) -> None:
        self.wfile.write(self._begin())

    def do_HEAD(self) -> None:
        self._begin()

    def _begin(self) -> bytes:
        """Send the head of the answer; its body is left to the caller."""
        path = unquote(urlsplit(self.path).path)
        found = answer(self.folder, path, self.headers.get("Authorization"))
        if found.status == 200:
            self.seen.append(path)
        self.send_response(found.status)
        for name, value in {**found.headers, "Content-Length": str(len(found.body))}.items():
            self.send_header(name, value)
        self.end_headers()
        return found.body

    def log_message(self, *_: object) -> None:
        """Stay silent."""
