"""Ask a pod of ours what its warm-up measured: one small request to the pod itself.

The pod's address is used and not the API server's proxy, because a right to that proxy is a right
to ask every pod of a namespace anything. Source of the fields: `GET /health` of the predictor.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from ipaddress import ip_address
from typing import Any, Final

import aiohttp
import structlog
from pydantic import BaseModel, Field, ValidationError

from retrieval_operator.render.pod import HTTP_PORT

_PATIENCE_S: Final = 3.0
_AT_A_TIME: Final = 4
_MOST_BYTES: Final = 64 * 1024

log = structlog.get_logger()


class WarmUp(BaseModel, frozen=True):
    """What the largest planned batch cost on a pod's device."""

    tokens: int = Field(gt=0)
    tokens_per_s: float = Field(gt=0, lt=1e12)
    peak_memory_bytes: int = Field(ge=0)


class WarmUps:
    """Asks pods, a few at a time, on the event loop that it is made on."""

    def __init__(self, port: int = HTTP_PORT) -> None:
        self._loop = asyncio.get_running_loop()
        self._turns = asyncio.Semaphore(_AT_A_TIME)
        self._asking: set[asyncio.Task[None]] = set()
        self._port = port

    def ask(self, ip: str, then: Callable[[WarmUp | None], None]) -> None:
        """Ask the pod at `ip` soon; `then` gets its figures, or None. May be called anywhere."""
        self._loop.call_soon_threadsafe(self._start, ip, then)

    def close(self) -> None:
        """Ask no more."""
        for task in self._asking:
            task.cancel()

    def _start(self, ip: str, then: Callable[[WarmUp | None], None]) -> None:
        task = self._loop.create_task(self._one(ip, then))
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _one(self, ip: str, then: Callable[[WarmUp | None], None]) -> None:
        async with self._turns:
            try:
                found = read(await _get(url_of(ip, self._port)))
            except (aiohttp.ClientError, TimeoutError, ValueError) as error:
                log.info("a pod did not tell its warm-up", ip=ip, error=repr(error)[:300])
                found = None
        then(found)


def url_of(ip: str, port: int) -> str:
    """Where a pod says how it is.

    Raises:
        ValueError: That is no address.
    """
    address = ip_address(ip)
    host = f"[{address}]" if address.version == 6 else str(address)
    return f"http://{host}:{port}/health"


def read(answer: Mapping[str, Any]) -> WarmUp:
    """The figures in a predictor's answer.

    Raises:
        ValueError: They are not there.
    """
    try:
        return WarmUp.model_validate(answer.get("warm_up"))
    except ValidationError as error:
        raise ValueError(f"no warm-up in the answer: {error.error_count()} fields") from error


async def _get(url: str) -> Mapping[str, Any]:
    limit = aiohttp.ClientTimeout(total=_PATIENCE_S)
    async with (
        aiohttp.ClientSession(timeout=limit, raise_for_status=True) as session,
        session.get(url, allow_redirects=False) as answer,
    ):
        if answer.content_length is None or answer.content_length > _MOST_BYTES:
            raise ValueError(f"an answer of {answer.content_length} bytes, at most {_MOST_BYTES}")
        found = await answer.json()
    return found if isinstance(found, dict) else {}
