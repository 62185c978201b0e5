"""The gRPC server: inference, health and reflection on one port, which all workers listen on."""

from __future__ import annotations

import asyncio

from grpc import aio
from grpc_health.v1 import health_pb2
from grpc_health.v1.health_pb2_grpc import add_HealthServicer_to_server
from grpc_reflection.v1alpha import reflection
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import (
    add_GRPCInferenceServiceServicer_to_server,
)

from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.grpc_health import Health
from retrieval_predictor.edge.inference import SERVICE, Inference

_HEALTH = health_pb2.DESCRIPTOR.services_by_name["Health"].full_name
_UNLIMITED = -1
_QUIET_S = 2.0
"""How long nothing is answered before what is left is cancelled; a large answer may still leave."""
_LOOK_S = 0.05


class GrpcServer:
    """The gRPC server of one worker; the kernel gives each worker its share of connections."""

    def __init__(self, front: Frontend) -> None:
        self._front = front
        self._inference = Inference(front)
        self._server: aio.Server | None = None

    async def start(self) -> None:
        """Take calls from now on; requests are bounded as over HTTP, answers are of any size."""
        settings = self._front.settings
        server = aio.server(
            options=[
                ("grpc.max_receive_message_length", settings.limits.max_body_bytes),
                ("grpc.max_send_message_length", _UNLIMITED),
                ("grpc.so_reuseport", 1),
                ("grpc.keepalive_time_ms", 1000 * round(settings.limits.answer_timeout_s)),
                ("grpc.keepalive_timeout_ms", 1000 * round(settings.limits.answer_timeout_s)),
            ],
            maximum_concurrent_rpcs=settings.limits.max_requests,
        )
        add_GRPCInferenceServiceServicer_to_server(self._inference, server)
        add_HealthServicer_to_server(
            Health((SERVICE, _HEALTH), lambda: self._front.engine.is_ready), server
        )
        reflection.enable_server_reflection((SERVICE, _HEALTH, reflection.SERVICE_NAME), server)
        server.add_insecure_port(f"[::]:{settings.grpc_port}")
        self._server = server
        await server.start()

    async def stop(self) -> None:
        """Take no new calls, and give those in flight the drain timeout.

        A call that crosses the server's goodbye may be taken by gRPC and never be handed to us; it
        is cancelled, as gRPC cancels others of its kind, once all that we have are answered.
        """
        if self._server is not None:
            await self._stop(self._server)

    async def _stop(self, server: aio.Server) -> None:
        stopping = asyncio.create_task(server.stop(self._front.settings.drain_timeout_s))
        quiet_s = 0.0
        while quiet_s < _QUIET_S and not stopping.done():
            await asyncio.sleep(_LOOK_S)
            quiet_s = 0.0 if self._inference.calls else quiet_s + _LOOK_S
        await server.stop(None)
        await stopping
