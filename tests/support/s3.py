"""An S3 on this machine: lists and gives the files of a folder as one bucket, to one key.

Source: Amazon S3 API reference, ListObjects, ListObjectsV2, GetObject and HeadObject, path style.
Signatures are not computed: whoever names the access key is let in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Final
from urllib.parse import parse_qs, unquote, urlsplit
from xml.sax.saxutils import escape

from tests.support.web import web_server

BUCKET: Final = "models"
ACCESS_KEY: Final = "test-access-key"
_RANGE: Final = re.compile(r"bytes=(\d+)-(\d*)")
_ETAG: Final = '"0123456789abcdef0123456789abcdef"'


@contextmanager
def s3(folder: Path, address: str) -> Iterator[str]:
    """`address:port` of a server that has the files of `folder` in the bucket `models`."""
    handler = type("Handler", (_Handler,), {"folder": folder})
    with web_server(handler, address) as where:
        yield where


def listing(folder: Path, prefix: str) -> str:
    """The objects whose keys begin so, all on one page."""
    keys = sorted(str(one.relative_to(folder)) for one in folder.rglob("*") if one.is_file())
    entries = "".join(
        f"<Contents><Key>{escape(key)}</Key><Size>{(folder / key).stat().st_size}</Size>"
        f"<LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>{_ETAG}</ETag>"
        "<StorageClass>STANDARD</StorageClass></Contents>"
        for key in keys
        if key.startswith(prefix)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        '<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
        f"<Name>{BUCKET}</Name><Prefix>{escape(prefix)}</Prefix><MaxKeys>1000</MaxKeys>"
        f"<IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
    )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    folder: Path

    def do_GET(self) -> None:
        self.wfile.write(self._begin())

    def do_HEAD(self) -> None:
        self._begin()

    def _begin(self) -> bytes:
        """Send the head of the answer; its body is left to the caller."""
        status, body = self._found()
        headers = {"ETag": _ETAG, "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
        if status == 200 and (wanted := _RANGE.fullmatch(self.headers.get("Range", ""))):
            first, last = int(wanted[1]), min(int(wanted[2] or len(body)), len(body) - 1)
            headers["Content-Range"] = f"bytes {first}-{last}/{len(body)}"
            status, body = 206, body[first : last + 1]
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        return body

    def _found(self) -> tuple[int, bytes]:
        url = urlsplit(self.path)
        _, bucket, key = (*unquote(url.path).split("/", 2), "")[:3]
        if ACCESS_KEY not in self.headers.get("Authorization", ""):
            return 403, b""
        if bucket == BUCKET and not key:
            prefix = parse_qs(url.query).get("prefix", [""])[0]
            return 200, listing(self.folder, prefix).encode()
        file = self.folder / key
        is_there = bucket == BUCKET and file.is_file()
        return (200, file.read_bytes()) if is_there else (404, b"")

    def log_message(self, *_: object) -> None:
        """Stay silent."""
