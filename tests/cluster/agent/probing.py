"""Probes: what one asks, and what a series of answers means.

`Probe` and `Tally` are pure. gRPC probes are not supported.
Source: Kubernetes API reference, Probe; kubelet pkg/kubelet/prober.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import aiohttp

_AGENT = {"User-Agent": "kube-probe/1.36"}
Execute = Callable[[list[str]], Awaitable[tuple[int, str]]]
"""Run a command inside the container: its exit code and output."""


@dataclass(frozen=True, slots=True)
class Probe:
    """When a probe asks and how many answers count; `action` is what it asks."""

    action: Mapping[str, Any]
    initial_delay_s: float
    period_s: float
    timeout_s: float
    successes: int
    failures: int


def probe_of(container: Mapping[str, Any], kind: str) -> Probe | None:
    """The `startupProbe`, `readinessProbe` or `livenessProbe` of a container."""
    written = container.get(kind)
    if not written:
        return None
    return Probe(
        action=written,
        initial_delay_s=written.get("initialDelaySeconds", 0),
        period_s=written.get("periodSeconds", 10),
        timeout_s=written.get("timeoutSeconds", 1),
        successes=written.get("successThreshold", 1),
        failures=written.get("failureThreshold", 3),
    )


@dataclass(slots=True)
class Tally:
    """Answers in a row. `verdict` is True or False once enough agree, None before that."""

    probe: Probe
    good: int = 0
    bad: int = 0

    def add(self, *, is_good: bool) -> None:
        """Count one answer."""
        self.good, self.bad = (self.good + 1, 0) if is_good else (0, self.bad + 1)

    @property
    def verdict(self) -> bool | None:
        """What the answers mean so far."""
        if self.good >= self.probe.successes:
            return True
        return False if self.bad >= self.probe.failures else None


def port_of(container: Mapping[str, Any], port: str | int) -> int:
    """The number of a port, which may be given by its name in the container."""
    if isinstance(port, int):
        return port
    ports = {one.get("name"): one["containerPort"] for one in container.get("ports", ())}
    return int(ports[port])


async def failure(
    probe: Probe,
    container: Mapping[str, Any],
    address: str,
    session: aiohttp.ClientSession,
    execute: Execute,
) -> str | None:
    """Ask once: None where the answer is good, else what was wrong."""
    try:
        async with asyncio.timeout(probe.timeout_s):
            return await _ask(probe.action, container, address, session, execute)
    except (OSError, aiohttp.ClientError, TimeoutError) as error:
        return f"{type(error).__name__}: {error}"


async def _ask(
    action: Mapping[str, Any],
    container: Mapping[str, Any],
    address: str,
    session: aiohttp.ClientSession,
    execute: Execute,
) -> str | None:
    if "httpGet" in action:
        return await _get(action["httpGet"], container, address, session)
    if "exec" in action:
        code, output = await execute(action["exec"]["command"])
        return None if code == 0 else output[-500:]
    port = port_of(container, action["tcpSocket"]["port"])
    _, writer = await asyncio.open_connection(address, port)
    writer.close()
    return None


async def _get(
    asked: Mapping[str, Any],
    container: Mapping[str, Any],
    address: str,
    session: aiohttp.ClientSession,
) -> str | None:
    scheme, host = asked.get("scheme", "HTTP").lower(), asked.get("host") or address
    url = f"{scheme}://{host}:{port_of(container, asked['port'])}{asked.get('path', '/')}"
    headers = _AGENT | {one["name"]: one["value"] for one in asked.get("httpHeaders", ())}
    async with session.get(url, headers=headers, ssl=False, allow_redirects=False) as answer:
        if 200 <= answer.status < 400:
            return None
        return f"HTTP probe failed with statuscode: {answer.status}"
