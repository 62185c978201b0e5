"""One POST to a service: connections are kept, the deadline travels, safe failures are repeated.

Both services compute a pure function of the request, so asking again is always safe; it helps where
a pod ended or is overloaded, and not where the request itself is refused.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp

from retrieval_predictor.wire.work import Caller

_PASSING = {429, 502, 503, 504}
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.05, 5.0
_CONNECT_S = 2.0
_IDLE_S = 30.0


@dataclass(eq=False)
class CallFailed(Exception):
    """A service gave no usable answer; `status` is 0 where it gave none at all."""

    status: int
    detail: str
    retry_after_s: float = 0.0

    def __str__(self) -> str:
        return f"{self.status}: {self.detail}" if self.status else self.detail

    @property
    def may_pass(self) -> bool:
        """Whether the same request can succeed later."""
        return self.status == 0 or self.status in _PASSING


@dataclass(frozen=True, slots=True)
class Answer:
    """A successful answer."""

    body: bytes
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a caller goes on asking, and how long one answer may take."""

    total_s: float
    answer_s: float = 30.0


QUICK = Patience(total_s=1.0)
"""For a query: over a restart of one pod among several, not over an outage."""

PERSISTENT = Patience(total_s=600.0, answer_s=300.0)
"""For a build, which nobody waits for."""


@dataclass(slots=True)
class Service:
    """An address, with the connections to it that are open."""

    url: str
    key: str | None = None
    _session: aiohttp.ClientSession | None = field(default=None, init=False)

    async def ask(
        self,
        path: str,
        content: bytes | None,
        *,
        headers: Mapping[str, str] | None = None,
        caller: Caller | None = None,
        patience: Patience = QUICK,
    ) -> Answer:
        """POST a body, or GET where there is none, until it is answered or patience ends.

        Raises:
            CallFailed: It was refused, or not answered in time.
        """
        end_s = time.monotonic() + patience.total_s
        if caller is not None and caller.deadline_s:
            end_s = min(end_s, caller.deadline_s)
        pause_s = _FIRST_PAUSE_S
        while True:
            try:
                return await self._once(path, content, dict(headers or {}), caller, patience)
            except CallFailed as failure:
                wait_s = max(pause_s, failure.retry_after_s)
                if not failure.may_pass or time.monotonic() + wait_s > end_s:
                    raise
            await asyncio.sleep(wait_s)
            pause_s = min(2 * pause_s, _LONGEST_PAUSE_S)

    async def close(self) -> None:
        """Close what is open."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def _once(
        self,
        path: str,
        content: bytes | None,
        headers: dict[str, str],
        caller: Caller | None,
        patience: Patience,
    ) -> Answer:
        left_s = _left_s(caller, patience.answer_s)
        headers["x-request-timeout"] = f"{left_s:.3f}"
        if self.key:
            headers["authorization"] = f"Bearer {self.key}"
        method, url = "GET" if content is None else "POST", self.url.rstrip("/") + path
        try:
            async with self._open().request(
                method, url, data=content, headers=headers, timeout=_limits(left_s)
            ) as reply:
                body = await reply.read()
                if reply.status != 200:
                    raise CallFailed(reply.status, _said(body), _retry_after_s(reply.headers))
                return Answer(body, reply.headers)
        except TimeoutError:
            raise CallFailed(0, f"no answer in {left_s:.1f} s") from None
        except aiohttp.ClientError as error:
            raise CallFailed(0, f"{type(error).__name__}: {error}") from None

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S)
            self._session = aiohttp.ClientSession(connector=connector)
        return self._session


def _left_s(caller: Caller | None, most_s: float) -> float:
    if caller is None or not caller.deadline_s:
        return most_s
    left_s = caller.deadline_s - time.monotonic()
    if left_s <= 0:
        raise CallFailed(0, "the caller's time is over")
    return min(left_s, most_s)


def _limits(left_s: float) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=left_s, sock_connect=min(_CONNECT_S, left_s))


def _retry_after_s(headers: Mapping[str, Any]) -> float:
    try:
        return float(headers.get("retry-after", 0))
    except ValueError:
        return 0.0


def _said(body: bytes) -> str:
    return body[:300].decode("utf-8", "replace")
