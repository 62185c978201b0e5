"""The same model behind KServe's SDK as its documentation shows it: load, predict, serve.

    python bench/peers/kserve_worker.py --http_port 8091

Answers `POST /v2/models/embedder/infer`.
"""

from __future__ import annotations

import os

import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from sentence_transformers import SentenceTransformer


class Embedder(Model):  # type: ignore[misc]  # KServe has no type information
    """sentence-transformers as a KServe model."""

    def __init__(self) -> None:
        super().__init__("embedder")
        self._model = SentenceTransformer(os.environ["MODEL_FOLDER"], device="cpu")
        self.ready = True

    def predict(  # noqa: D102
        self, payload: InferRequest, headers: dict[str, str] | None = None
    ) -> InferResponse:
        del headers
        texts = [
            text.decode() if isinstance(text, bytes) else text for text in payload.inputs[0].data
        ]
        vectors = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        output = InferOutput("embedding", list(vectors.shape), "FP32")
        output.set_data_from_numpy(vectors.astype(np.float32), binary_data=False)
        return InferResponse(payload.id, self.name, [output])


if __name__ == "__main__":
    ModelServer(enable_grpc=False).start([Embedder()])
