"""The KServe model: thin enough to be pickled into every worker, never a copy of the weights."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import kserve
import structlog
from kserve.protocol.dataplane import DataPlane
from kserve.protocol.grpc.grpc_predict_v2_pb2 import ModelInferResponse

from retrieval_predictor import metrics
from retrieval_predictor.errors import NotReady
from retrieval_predictor.protocol import oip
from retrieval_predictor.protocol.faults import fault_of
from retrieval_predictor.protocol.usage import truncated_inputs
from retrieval_predictor.serving import grpc
from retrieval_predictor.serving.app import install
from retrieval_predictor.serving.callers import caller_of
from retrieval_predictor.serving.calls import infer_tensors, new_id
from retrieval_predictor.serving.frontend import Frontend, frontend
from retrieval_predictor.serving.routes import CLIENT_GONE

log = structlog.get_logger(__name__)

_GRPC_ADDRESS = "grpc"
"""KServe does not tell a model where a call comes from; without a name all calls are one client."""


class RetrievalModel(kserve.Model):  # type: ignore[misc]
    """What KServe registers. Its whole state is its name; the engine is found per process."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.ready = True  # registered at once; `healthy` tells whether it can answer
        self.engine = True  # KServe awaits `start_engine` beside its servers

    def __reduce__(self) -> tuple[Callable[[str], RetrievalModel], tuple[str]]:
        return _in_worker, (self.name,)

    async def start_engine(self) -> None:
        """Connect to the engine, so that the first probe already finds it."""
        _connected()

    async def healthy(self) -> bool:
        """Whether the engine has a warm model and is not draining."""
        return _connected().engine.is_ready

    def load(self) -> bool:
        """Nothing to do here: the engine loads."""
        return True

    def get_input_types(self) -> list[dict[str, Any]]:
        """Inputs for model metadata."""
        return _tensors()[0]

    def get_output_types(self) -> list[dict[str, Any]]:
        """Outputs for model metadata; dimensions are -1 until the model is loaded."""
        return _tensors()[1]

    async def __call__(
        self,
        body: kserve.InferRequest,
        headers: dict[str, str] | None = None,
        verb: Any = None,
    ) -> tuple[ModelInferResponse, dict[str, str]]:
        """Answer a gRPC request; REST requests never come this way."""
        del verb
        front = _connected()
        started_s = time.perf_counter()
        labels = (front.settings.name, front.task, "grpc")
        try:
            message = await _infer(front, body, headers)
        except asyncio.CancelledError:  # the caller cancelled, or its deadline passed
            metrics.requests.labels(*labels, str(CLIENT_GONE)).inc()
            raise
        except Exception as error:
            status = fault_of(error).status
            metrics.requests.labels(*labels, str(status)).inc()
            if status == 500:
                log.exception("request_failed", route="ModelInfer")
            raise grpc.to_status(error) from error
        metrics.requests.labels(*labels, "200").inc()
        metrics.request_duration_s.labels(*labels).observe(time.perf_counter() - started_s)
        return message, {}


def _in_worker(name: str) -> RetrievalModel:
    """Unpickle the model: the first of our code that a new KServe worker runs."""
    install()
    return RetrievalModel(name)


class ReadyDataPlane(DataPlane):  # type: ignore[misc]
    """KServe's data plane says ready as soon as it lives; ours when the model is."""

    async def ready(self) -> bool:
        """Whether every registered model can answer."""
        models = self.model_registry.get_models().values()
        return all([await model.healthy() for model in models])


async def _infer(
    front: Frontend, body: kserve.InferRequest, headers: dict[str, str] | None
) -> ModelInferResponse:
    metadata = headers or {}
    caller = caller_of(metadata, _GRPC_ADDRESS, front.keys.check(metadata))
    call = grpc.to_call(body)
    outputs, answer = await infer_tensors(front, call, caller)
    metrics.tokenise_s.labels(front.settings.name).observe(answer.timings.tokenise_s)
    cut = truncated_inputs(answer)
    return grpc.to_message(
        call, outputs, model=front.settings.name, answer_id=new_id(), truncated=cut
    )


def _tensors() -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    front = _connected()
    if not front.is_embedder:
        return oip.reranker_tensors()
    try:
        return oip.embedder_tensors(front.answerer.card.dimensions)
    except NotReady:
        return oip.embedder_tensors(-1)


def _connected() -> Frontend:
    front = frontend()
    front.engine.open()
    return front
