"""The search server that people write by hand: FastAPI, one FAISS call a request, all in memory.

FOLDER=… uvicorn --app-dir bench homemade_search:app --workers N
"""

from __future__ import annotations

import os
from pathlib import Path

import faiss
import numpy as np
import pyarrow as pa
from fastapi import FastAPI
from pydantic import BaseModel

_FOLDER = Path(os.environ["FOLDER"])
_VECTORS = np.load(_FOLDER / "vectors.npy")
INDEX = faiss.IndexFlatIP(_VECTORS.shape[1])
INDEX.add(_VECTORS)
del _VECTORS
with pa.OSFile(str(_FOLDER / "passages.arrow")) as _file:
    TEXTS = pa.ipc.open_file(_file).read_all().column("text").to_pylist()

app = FastAPI()


class Query(BaseModel):
    """A query's vector."""

    vector: list[float]
    top_k: int = 10


@app.post("/v1/search")
def search(query: Query) -> dict[str, object]:
    """Run in FastAPI's thread pool, so that requests do not wait for one another."""
    scores, rows = INDEX.search(np.asarray([query.vector], np.float32), query.top_k)
    pairs = zip(rows[0].tolist(), scores[0].tolist(), strict=True)
    return {"results": [{"id": row, "score": score, "text": TEXTS[row]} for row, score in pairs]}


@app.get("/health")
def health() -> dict[str, str]:
    """Whether it is up."""
    return {"status": "ok"}
