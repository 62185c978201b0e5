"""`grpc.health.v1.Health`: what `grpc_health_probe`, Kubernetes' gRPC probes and clients ask.

It says what readiness says at the moment of the question, so a predictor that loads or drains is
NOT_SERVING. Source: gRPC health checking protocol.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Collection
from typing import Any

import grpc
from grpc.aio import ServicerContext
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthServicer

_LOOK_S = 0.5
"""How soon a watcher learns of a change; KServe's and Kubernetes' probes look every second."""


class Health(HealthServicer):  # type: ignore[misc]
    """The health of the server, whose name is empty, and of its services by name."""

    def __init__(self, services: Collection[str], is_ready: Callable[[], bool]) -> None:
        self._services = frozenset(services) | {""}
        self._is_ready = is_ready

    async def Check(  # noqa: N802
        self, request: HealthCheckRequest, context: ServicerContext[Any, Any]
    ) -> HealthCheckResponse:
        """SERVING or NOT_SERVING; NOT_FOUND for a service that is not here."""
        status = self._status(request.service)
        if status == HealthCheckResponse.SERVICE_UNKNOWN:
            await context.abort(grpc.StatusCode.NOT_FOUND, "no such service here")
        return HealthCheckResponse(status=status)

    async def Watch(  # noqa: N802
        self, request: HealthCheckRequest, context: ServicerContext[Any, Any]
    ) -> AsyncIterator[HealthCheckResponse]:
        """The status now and each time it changes, until the caller leaves."""
        del context
        told: int | None = None
        while True:
            status = self._status(request.service)
            if status != told:
                yield HealthCheckResponse(status=status)
            told = status
            await asyncio.sleep(_LOOK_S)

    def _status(self, service: str) -> int:
        if service not in self._services:
            return int(HealthCheckResponse.SERVICE_UNKNOWN)
        now = HealthCheckResponse.SERVING if self._is_ready() else HealthCheckResponse.NOT_SERVING
        return int(now)
