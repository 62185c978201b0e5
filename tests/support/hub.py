"""A hub on this machine: serves a folder by the addresses that the Hugging Face Hub has."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path

from tests.support.web import web_server


@dataclass
class TestHub:
    """Where it listens, what it was asked for, and how it misbehaves."""

    __test__ = False
    folder: Path
    status: int = 200
    understands_ranges: bool = True
    redirects: bool = False
    seen: list[tuple[str, str]] = field(default_factory=list)
    sent_bytes: int = 0
    url: str = ""


@contextmanager
def hub(folder: Path, **behaviour: object) -> Iterator[TestHub]:
    """A hub with the repository `owner/name` at revision `main` in `folder`."""
    state = TestHub(folder, **behaviour)  # type: ignore[arg-type]
    with web_server(_handler(state)) as where:
        state.url = f"http://{where}"
        yield state


def _handler(hub: TestHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range", "")
            hub.seen.append((self.path, wanted))
            if hub.redirects and not self.path.startswith("/cdn"):
                self.send_response(302)
                self.send_header("Location", f"{hub.url}/cdn{self.path}")
                self.end_headers()
                return
            self._answer(self.path.removeprefix("/cdn"), wanted)

        def _answer(self, path: str, wanted: str) -> None:
            prefix = "/owner/name/resolve/main/"
            file = hub.folder / path.removeprefix(prefix)
            if hub.status != 200 or not path.startswith(prefix) or not file.is_file():
                self.send_response(404 if hub.status == 200 else hub.status)
                self.end_headers()
                return
            content = file.read_bytes()
            part = content
            if hub.understands_ranges and content:
                first, last = map(int, wanted.removeprefix("bytes=").split("-"))
                part = content[first : last + 1]
                self.send_response(206)
                end = first + len(part) - 1
                self.send_header("Content-Range", f"bytes {first}-{end}/{len(content)}")
            else:
                self.send_response(200)
            self.send_header("Content-Length", str(len(part)))
            self.end_headers()
            hub.sent_bytes += len(part)
            self.wfile.write(part)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
