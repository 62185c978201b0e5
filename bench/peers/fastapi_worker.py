"""The home-made worker: FastAPI and sentence-transformers, one model copy a process.

    uvicorn --app-dir bench/peers fastapi_worker:app --workers 1 --port 8090

Answers `POST /v1/embeddings` as OpenAI does, so that one load fits every server of a comparison.
"""

from __future__ import annotations

import os
from typing import Any

from fastapi import FastAPI
from pydantic import BaseModel
from sentence_transformers import SentenceTransformer

app = FastAPI()
model = SentenceTransformer(os.environ["MODEL_FOLDER"], device="cpu")


class Request(BaseModel):
    """What OpenAI's clients send."""

    input: str | list[str]
    model: str = ""


@app.post("/v1/embeddings")
def embed(request: Request) -> dict[str, Any]:
    """One vector a text; the route is a plain function, so FastAPI runs it in a thread."""
    texts = [request.input] if isinstance(request.input, str) else request.input
    vectors = model.encode(texts, normalize_embeddings=True, show_progress_bar=False).tolist()
    return {"data": [{"index": i, "embedding": vector} for i, vector in enumerate(vectors)]}


@app.get("/health")
def health() -> dict[str, str]:
    """Up as soon as the model is loaded."""
    return {"status": "ok"}
