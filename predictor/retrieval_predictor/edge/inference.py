"""The Open Inference Protocol over gRPC: the same answers, checks and counts as over REST.

KServe's own servicer is not used: it decodes tensors that we pass on as bytes, ignores the model's
version, and lets anyone unload the model.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Any, NoReturn

from grpc import StatusCode
from grpc.aio import ServicerContext
from kserve.protocol.grpc import grpc_predict_v2_pb2 as pb
from kserve.protocol.grpc.grpc_predict_v2_pb2_grpc import GRPCInferenceServiceServicer

from retrieval_predictor.edge import facts, grpc
from retrieval_predictor.edge.account import Asked, Ended, settle
from retrieval_predictor.edge.budget import Holding
from retrieval_predictor.edge.callers import (
    REQUEST_ID_HEADER,
    caller_of,
    plain_address,
    request_id_of,
)
from retrieval_predictor.edge.calls import infer_tensors
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol.faults import headers_of, message_of
from retrieval_predictor.edge.protocol.usage import truncated_inputs
from retrieval_predictor.errors import RetrievalError
from retrieval_predictor.wire.work import Caller, Embeddings, Scores

SERVICE = pb.DESCRIPTOR.services_by_name["GRPCInferenceService"].full_name
"""The service's full name, as health checks and reflection have it."""
_INFER = f"{SERVICE}/ModelInfer"

_ONE_MODEL = "the model belongs to the pod; it is nobody else's to load or unload"


class Inference(GRPCInferenceServiceServicer):  # type: ignore[misc]
    """`inference.GRPCInferenceService`, without KServe's loading and unloading of models.

    `calls` to the model are being answered now.
    """

    def __init__(self, front: Frontend) -> None:
        self._front = front
        self.calls = 0

    async def ServerLive(  # noqa: N802
        self, request: pb.ServerLiveRequest, context: ServicerContext[Any, Any]
    ) -> pb.ServerLiveResponse:
        """Whether this process answers, which it does."""
        del request, context
        return pb.ServerLiveResponse(live=True)

    async def ServerReady(  # noqa: N802
        self, request: pb.ServerReadyRequest, context: ServicerContext[Any, Any]
    ) -> pb.ServerReadyResponse:
        """Whether the model is warm and not draining."""
        del request, context
        return pb.ServerReadyResponse(ready=self._front.engine.is_ready)

    async def ModelReady(  # noqa: N802
        self, request: pb.ModelReadyRequest, context: ServicerContext[Any, Any]
    ) -> pb.ModelReadyResponse:
        """The same for one model; NOT_FOUND for one that is not served here."""
        await self._accept(request.name, request.version, context)
        return pb.ModelReadyResponse(ready=self._front.engine.is_ready)

    async def ServerMetadata(  # noqa: N802
        self, request: pb.ServerMetadataRequest, context: ServicerContext[Any, Any]
    ) -> pb.ServerMetadataResponse:
        """Name, version and extensions of this server."""
        del request, context
        return pb.ServerMetadataResponse(**facts.server_facts())

    async def ModelMetadata(  # noqa: N802
        self, request: pb.ModelMetadataRequest, context: ServicerContext[Any, Any]
    ) -> pb.ModelMetadataResponse:
        """The model's inputs and outputs; NOT_FOUND for one that is not served here."""
        await self._accept(request.name, request.version, context)
        return grpc.to_metadata(facts.model_facts(self._front))

    async def ModelInfer(  # noqa: N802
        self, request: pb.ModelInferRequest, context: ServicerContext[Any, Any]
    ) -> pb.ModelInferResponse:
        """The tensors asked for, or the status of whoever must act."""
        started_s = time.perf_counter()
        metadata = reversed(tuple(context.invocation_metadata() or ()))
        headers = {item[0]: item[1] for item in metadata}  # of one that comes twice the first
        request_id = request_id_of(headers)
        asked = Asked(_INFER, "grpc", headers, request_id, started_s)
        context.set_trailing_metadata(((REQUEST_ID_HEADER, request_id),))
        self.calls += 1
        try:
            with Holding(self._front.budget) as holding:
                holding.open()
                holding.take(request.ByteSize())
                caller = self._caller(headers, context.peer())
                message, answer = await self._infer(request, request_id, caller, holding)
        except asyncio.CancelledError:  # the caller cancelled, or its deadline passed
            settle(self._front, asked, Ended())
            raise
        except Exception as error:  # noqa: BLE001  (one place turns errors into statuses)
            settle(self._front, asked, Ended(error=error))
            await _abort(context, error, (REQUEST_ID_HEADER, request_id))
        finally:
            self.calls -= 1
        settle(self._front, asked, Ended(answer, read_s=started_s))
        return message

    async def RepositoryModelLoad(  # noqa: N802
        self, request: pb.RepositoryModelLoadRequest, context: ServicerContext[Any, Any]
    ) -> pb.RepositoryModelLoadResponse:
        """Refused with UNIMPLEMENTED."""
        del request
        await context.abort(StatusCode.UNIMPLEMENTED, _ONE_MODEL)

    async def RepositoryModelUnload(  # noqa: N802
        self, request: pb.RepositoryModelUnloadRequest, context: ServicerContext[Any, Any]
    ) -> pb.RepositoryModelUnloadResponse:
        """Refused with UNIMPLEMENTED."""
        del request
        await context.abort(StatusCode.UNIMPLEMENTED, _ONE_MODEL)

    def _caller(self, headers: Mapping[str, str], peer: str) -> Caller:
        return caller_of(headers, _host(peer), self._front.keys.check(headers))

    async def _infer(
        self, request: pb.ModelInferRequest, request_id: str, caller: Caller, holding: Holding
    ) -> tuple[pb.ModelInferResponse, Embeddings | Scores]:
        name = self._front.settings.name
        self._front.accept_model(request.model_name, request.model_version)
        call = grpc.to_call(request)
        outputs, answer = await infer_tensors(self._front, call, caller, holding)
        cut = truncated_inputs(answer)
        message = grpc.to_message(call, outputs, model=name, answer_id=request_id, truncated=cut)
        return message, answer

    async def _accept(self, name: str, version: str, context: ServicerContext[Any, Any]) -> None:
        try:
            self._front.accept_model(name, version)
        except RetrievalError as error:
            await _abort(context, error)


async def _abort(
    context: ServicerContext[Any, Any], error: Exception, *more: tuple[str, str]
) -> NoReturn:
    """End the call with the error's status; the trailing metadata is REST's headers."""
    trailing = (*headers_of(error).items(), *more)
    await context.abort(grpc.status_of(error), message_of(error), trailing)
    raise AssertionError("abort raises")


def _host(peer: str) -> str:
    """The address in `ipv4:10.0.0.7:51234` or `ipv6:%5B::1%5D:51234`, as REST has it."""
    return plain_address(peer.partition(":")[2].rpartition(":")[0])
