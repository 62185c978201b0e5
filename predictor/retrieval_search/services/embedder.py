"""Vectors of texts, over the Open Inference Protocol with binary tensors, or over OpenAI's."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import orjson

from retrieval_predictor.wire.work import Caller
from retrieval_search.errors import EmbedderRefused
from retrieval_search.index.manifest import EmbedderFacts
from retrieval_search.index.space import CANARIES, Space, space_of
from retrieval_search.ranking.fusion import Floats
from retrieval_search.services.connection import QUICK, CallFailed, Patience, Service

_LENGTH_HEADER = "inference-header-content-length"


class Protocol(StrEnum):
    """What the embedder speaks."""

    V2 = "v2"
    OPENAI = "openai"


@dataclass(frozen=True, slots=True)
class Embedder:
    """An embedder at an address, under the name that it serves its model by."""

    service: Service
    model: str = "embedder"
    protocol: Protocol = Protocol.V2

    async def embed(
        self,
        texts: Sequence[str],
        prompt: str | None = None,
        caller: Caller | None = None,
        patience: Patience = QUICK,
    ) -> Floats:
        """One vector a text.

        Raises:
            CallFailed: It gave none.
        """
        if self.protocol is Protocol.V2:
            path, body = f"/v2/models/{self.model}/infer", _v2_body(texts, prompt)
        else:
            path, body = "/v1/embeddings", _openai_body(texts, self.model, prompt)
        headers = {"content-type": "application/json"}
        answer = await self.service.ask(
            path, body, headers=headers, caller=caller, patience=patience
        )
        read = _v2_vectors if self.protocol is Protocol.V2 else _openai_vectors
        try:
            vectors = read(answer.body, answer.headers.get(_LENGTH_HEADER))
        except (ValueError, KeyError, TypeError, IndexError) as error:
            raise CallFailed(200, f"not an answer of an embedder: {error!r}") from None
        if len(vectors) != len(texts):
            raise CallFailed(200, f"{len(vectors)} vectors for {len(texts)} texts")
        return vectors

    async def facts(self, dimensions: int, patience: Patience) -> EmbedderFacts:
        """What it says of its model at `/info`; little where it has no such page.

        Raises:
            EmbedderRefused: It cannot be reached.
        """
        try:
            answer = await self.service.ask("/info", None, patience=patience)
        except CallFailed as failure:
            if failure.may_pass:
                raise EmbedderRefused(self.service.url, str(failure)) from None
            return EmbedderFacts(self.model, dimensions)
        card = orjson.loads(answer.body).get("model") or {}
        return _facts(self.model, dimensions, card)


async def space(embedder: Embedder, patience: Patience) -> tuple[EmbedderFacts, Space]:
    """An embedder's facts and its space.

    Raises:
        EmbedderRefused: It does not answer, or not with vectors.
    """
    try:
        canaries = await embedder.embed(CANARIES, patience=patience)
    except CallFailed as failure:
        raise EmbedderRefused(embedder.service.url, str(failure)) from None
    facts = await embedder.facts(int(canaries.shape[1]), patience)
    return facts, space_of(facts, canaries)


def _facts(name: str, dimensions: int, card: dict[str, Any]) -> EmbedderFacts:
    prompts = card.get("prompts") or {}
    return EmbedderFacts(
        name=name,
        dimensions=dimensions,
        uri=card.get("uri") or "",
        revision=card.get("revision"),
        precision=card.get("precision") or "",
        query_prompt=_first(prompts, ("query",)),
        passage_prompt=_first(prompts, ("passage", "document")),
    )


def _first(prompts: dict[str, str], names: Sequence[str]) -> str | None:
    return next((name for name in names if prompts.get(name)), None)


def _v2_body(texts: Sequence[str], prompt: str | None) -> bytes:
    parameters: dict[str, Any] = {"binary_data_output": True}
    if prompt:
        parameters["prompt_name"] = prompt
    tensor = {"name": "text", "shape": [len(texts)], "datatype": "BYTES", "data": list(texts)}
    return orjson.dumps({"inputs": [tensor], "parameters": parameters})


def _v2_vectors(body: bytes, length: str | None) -> Floats:
    if length is None:
        output = orjson.loads(body)["outputs"][0]
        return np.asarray(output["data"], np.float32).reshape(output["shape"])
    outputs = orjson.loads(body[: int(length)])["outputs"]
    shape = outputs[0]["shape"]
    size = int(np.prod(shape))
    return np.frombuffer(body, "<f4", size, int(length)).reshape(shape)


def _openai_body(texts: Sequence[str], model: str, prompt: str | None) -> bytes:
    body = {"model": model, "input": list(texts), "encoding_format": "base64"}
    return orjson.dumps({**body, "prompt_name": prompt} if prompt else body)


def _openai_vectors(body: bytes, _length: str | None) -> Floats:
    rows = sorted(orjson.loads(body)["data"], key=lambda one: one["index"])
    return np.stack([_openai_vector(one["embedding"]) for one in rows])


def _openai_vector(embedding: Any) -> Floats:
    if isinstance(embedding, str):
        return np.frombuffer(base64.b64decode(embedding), "<f4")
    return np.asarray(embedding, np.float32)
