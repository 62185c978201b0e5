"""The few requests an agent sends to the API server, with a kubeconfig of the lab."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp

Document = dict[str, Any]
MERGE = "application/merge-patch+json"
_PAUSE_S = 0.5


class Refused(Exception):
    """The API server said no; `status` is its HTTP status, 0 where it did not answer."""

    def __init__(self, what: str, status: int, message: str) -> None:
        self.status = status
        super().__init__(f"{what}: {status} {message}")


class Kube:
    """One client; use it as an async context manager."""

    def __init__(self, kubeconfig: Path) -> None:
        config = json.loads(kubeconfig.read_text())
        cluster, user = config["clusters"][0]["cluster"], config["users"][0]["user"]
        self.url: str = cluster["server"]
        self.authority = base64.b64decode(cluster["certificate-authority-data"])
        self._context = _context(self.authority, user)
        self._session: aiohttp.ClientSession

    async def __aenter__(self) -> Kube:
        connector = aiohttp.TCPConnector(ssl=self._context, limit=0)
        self._session = aiohttp.ClientSession(self.url, connector=connector)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._session.close()

    async def get(self, path: str, **query: str) -> Document:
        """An object or a list."""
        return await self._request("GET", path, query=query)

    async def post(self, path: str, body: Document) -> Document:
        """Create an object; the stored one."""
        return await self._request("POST", path, body=body)

    async def merge(self, path: str, body: Document) -> Document:
        """Change an object by a merge patch."""
        return await self._request("PATCH", path, body=body, content_type=MERGE)

    async def delete(self, path: str, uid: str) -> None:
        """Delete that very object at once; one that is gone is no failure."""
        body = {"gracePeriodSeconds": 0, "preconditions": {"uid": uid}}
        try:
            await self._request("DELETE", path, body=body)
        except Refused as refusal:
            if refusal.status not in {404, 409}:
                raise

    async def follow(self, path: str, **query: str) -> AsyncIterator[tuple[str, Any]]:
        """("LISTED", all objects) and then each change as (type, object); for ever, with relists.

        A server that is away is waited for.
        """
        while True:
            try:
                listed = await self.get(path, **query)
                yield "LISTED", listed["items"]
                since = listed["metadata"]["resourceVersion"]
                async for kind, item in self._changes(path, query, since):
                    yield kind, item
            except (Refused, aiohttp.ClientError, TimeoutError):
                await asyncio.sleep(_PAUSE_S)

    async def _changes(
        self, path: str, query: Mapping[str, str], since: str
    ) -> AsyncIterator[tuple[str, Any]]:
        asked = {**query, "watch": "1", "resourceVersion": since}
        forever = aiohttp.ClientTimeout(total=None)
        async with self._session.get(path, params=asked, timeout=forever) as answer:
            if answer.status >= 400:
                raise Refused(f"WATCH {path}", answer.status, answer.reason or "")
            rest = b""
            async for chunk in answer.content.iter_any():
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    event = json.loads(line)
                    if event["type"] == "ERROR":  # too old: list again
                        return
                    yield event["type"], event["object"]

    async def _request(
        self,
        method: str,
        path: str,
        *,
        body: Document | None = None,
        content_type: str = "application/json",
        query: Mapping[str, str] | None = None,
    ) -> Document:
        content = None if body is None else json.dumps(body)
        headers = {"Content-Type": content_type}
        try:
            async with self._session.request(
                method, path, data=content, headers=headers, params=query
            ) as answer:
                document: Document = await answer.json()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Refused(f"{method} {path}", 0, str(error)) from error
        if answer.status >= 400:
            raise Refused(f"{method} {path}", answer.status, document.get("message", ""))
        return document


def _context(authority: bytes, user: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cadata=authority.decode())
    pair = (base64.b64decode(user[f"client-{part}-data"]) for part in ("certificate", "key"))
    with tempfile.NamedTemporaryFile() as file:
        file.write(b"\n".join(pair))
        file.flush()
        context.load_cert_chain(file.name)
    return context
