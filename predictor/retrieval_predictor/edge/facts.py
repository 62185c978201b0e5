"""What is served here, in the words of the Open Inference Protocol, for REST and gRPC alike."""

from __future__ import annotations

from typing import Any

from retrieval_predictor import __version__
from retrieval_predictor.edge import outputs
from retrieval_predictor.edge.frontend import Frontend
from retrieval_predictor.edge.protocol import oip
from retrieval_predictor.errors import NotReady
from retrieval_predictor.wire.work import Outputs

EXTENSIONS = ("binary_tensor_data",)
"""Triton's name of its binary tensor data extension, which clients look for."""


def server_facts() -> dict[str, Any]:
    """Server metadata: who answers and which extensions it has."""
    return {"name": "retrieval-predictor", "version": __version__, "extensions": [*EXTENSIONS]}


def model_facts(front: Frontend) -> dict[str, Any]:
    """Model metadata; dimensions are -1 until the model is loaded.

    `platform` is empty, as KServe's own servers send it: the protocol's list has no name for
    transformers on torch. `versions` is absent, because versions are not served.
    """
    takes, gives = _tensors(front)
    return {"name": front.settings.name, "platform": "", "inputs": takes, "outputs": gives}


def offered(front: Frontend) -> Outputs:
    """What the model can make of a text; everything until it is loaded, when it can be told."""
    try:
        return outputs.offered(front.answerer.card)
    except NotReady:
        return outputs.EVERYTHING


def _tensors(front: Frontend) -> tuple[list[oip.TensorFacts], list[oip.TensorFacts]]:
    if not front.is_embedder:
        return oip.reranker_tensors()
    try:
        card = front.answerer.card
        return oip.embedder_tensors(
            card.dimensions, has_sparse=card.has_sparse, colbert_dimensions=card.colbert_dimensions
        )
    except NotReady:
        return oip.embedder_tensors(-1)
