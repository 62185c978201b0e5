"""Make a gRPC call by the names of its service and method, as any client can after reflection."""

from __future__ import annotations

from typing import Any

import grpc

from tests.conformance.grpc import Point


def outcome(address: str, point: Point) -> tuple[grpc.StatusCode, Any]:
    """The status of the call, and its answer or the error's details."""
    with grpc.insecure_channel(address) as channel:
        method = channel.unary_unary(
            f"/{point.service}/{point.method}",
            request_serializer=type(point.request).SerializeToString,
            response_deserializer=point.answer.FromString,
        )
        try:
            return grpc.StatusCode.OK, method(point.request, timeout=30)
        except grpc.RpcError as error:
            return error.code(), error.details()
