"""Who asks: how long they wait, whose turn in the queue it is, and what they call the request."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from functools import lru_cache
from hashlib import blake2b
from urllib.parse import unquote

from starlette.types import Scope

from retrieval_predictor.errors import Malformed
from retrieval_predictor.wire.work import NO_CACHE, SHARED_CACHE, Caller

TIMEOUT_HEADER = "x-request-timeout"
"""Seconds the caller waits; work that starts later is dropped before it is computed."""

CLIENT_HEADER = "x-client-id"
"""Names the client where no bearer key does, for instance behind a gateway."""

CACHE_HEADER = "cache-control"
"""`no-store`: answer from no row that was computed before, and keep none of these."""

REQUEST_ID_HEADER = "x-request-id"
"""The caller's name of a request; it comes back with the answer and stands in our logs."""

_MAPPED = "::ffff:"
"""How a socket for IPv6 and IPv4 alike writes an address of IPv4 (RFC 4291, 2.5.5.2)."""

_REQUEST_ID = re.compile(r"[!-~]{1,128}")


def read_headers(scope: Scope) -> dict[str, str]:
    """A request's headers by their names in lower case; of one that comes twice the first."""
    pairs = reversed(scope["headers"])
    return {name.decode("latin-1"): value.decode("latin-1") for name, value in pairs}


def plain_address(host: str) -> str:
    """A client's address in one form, however its connection came: `::ffff:10.0.0.7` is IPv4's."""
    host = unquote(host).strip("[]")
    return host.removeprefix(_MAPPED) if "." in host else host


def caller_of(headers: Mapping[str, str], address: str, key: str | None) -> Caller:
    """The caller by its headers or gRPC metadata, names in lower case.

    A bearer key identifies a client; without keys the `x-client-id` header does, and without that
    the address of its connection.

    Raises:
        Malformed: The timeout is not a positive number of seconds.
    """
    named = headers.get(CLIENT_HEADER)
    name = f"key {key}" if key else f"id {named}" if named else f"address {address}"
    client = _hash(name)
    return Caller(_deadline_s(headers.get(TIMEOUT_HEADER)), client, _cache(headers, key, client))


def _cache(headers: Mapping[str, str], key: str | None, client: int) -> int:
    """Whose rows may answer: `Cache-Control: no-store` wants none (RFC 9111, 5.2.1).

    Callers with keys are told apart, others share.
    """
    asked = {one.strip().lower() for one in headers.get(CACHE_HEADER, "").split(",")}
    if asked & {"no-store", "no-cache"}:
        return NO_CACHE
    return max(client, SHARED_CACHE + 1) if key else SHARED_CACHE


def request_id_of(headers: Mapping[str, str]) -> str:
    """The caller's name of a request where it fits in a log line, else a new one.

    It fits with up to 128 visible ASCII characters.
    """
    named = headers.get(REQUEST_ID_HEADER, "")
    return named if _REQUEST_ID.fullmatch(named) else os.urandom(16).hex()


@lru_cache(maxsize=4096)
def _hash(name: str) -> int:
    return int.from_bytes(
        blake2b(name.encode("utf-8", "replace"), digest_size=8).digest(), "little"
    )


def _deadline_s(timeout: str | None) -> float:
    """When the caller stops waiting, on CLOCK_MONOTONIC; 0 where it did not say."""
    if timeout is None:
        return 0.0
    try:
        timeout_s = float(timeout)
    except ValueError:
        timeout_s = 0.0
    if not 0 < timeout_s < float("inf"):
        raise Malformed(f"header {TIMEOUT_HEADER}: wanted seconds above 0")
    return time.monotonic() + timeout_s
