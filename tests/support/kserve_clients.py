"""Ask a predictor through KServe's clients and print what they saw as JSON.

python -m tests.support.kserve_clients URL GRPC_ADDRESS TEXT…
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from typing import Any

import grpc
import httpx
import numpy as np
from kserve import InferenceGRPCClient, InferenceRESTClient, InferInput, InferRequest
from kserve.inference_client import RESTConfig
from kserve.protocol.infer_type import InferResponse, RequestedOutput

NAME = "embedder"


def request(texts: Sequence[str], *, binary: bool, **parameters: Any) -> InferRequest:
    """Ask for the vectors of these texts."""
    text = InferInput("text", [len(texts)], "BYTES")
    text.set_data_from_numpy(np.array(texts, dtype=object), binary_data=binary)
    wanted = RequestedOutput("embedding", {"binary_data": binary})
    return InferRequest(
        NAME, [text], request_id="mine", parameters=parameters, request_outputs=[wanted]
    )


def plain(answer: InferResponse) -> dict[str, Any]:
    """An answer as JSON values."""
    names = [output.name for output in answer.outputs]
    rows = answer.outputs[0].as_numpy().tolist()
    return {"id": answer.id, "outputs": names, "vectors": rows}


async def over_rest(url: str, texts: Sequence[str]) -> dict[str, Any]:
    """Health, vectors as JSON and as bytes, and a refusal."""
    async with InferenceRESTClient(RESTConfig(protocol="v2")) as client:
        health = {
            "live": await client.is_server_live(url),
            "ready": await client.is_server_ready(url),
            "model": await client.is_model_ready(url, NAME),
            "other": await client.is_model_ready(url, "other"),
        }
        found = {"rest_health": health}
        for way, binary in (("rest_json", False), ("rest_binary", True)):
            ask = request(texts, binary=binary)
            found[way] = plain(await client.infer(url, ask, model_name=NAME))
        try:
            await client.infer(url, request(texts, binary=False, dimensions=5000), NAME)
        except httpx.HTTPStatusError as error:
            return {**found, "rest_refusal": str(error)}
    raise AssertionError("5000 dimensions were not refused")


async def over_grpc(address: str, texts: Sequence[str]) -> dict[str, Any]:
    """Health, vectors and a refusal."""
    async with InferenceGRPCClient(address) as client:
        health = {
            "live": await client.is_server_live(),
            "ready": await client.is_server_ready(),
            "model": await client.is_model_ready(NAME),
        }
        answer = plain(await client.infer(request(texts, binary=True)))
        try:
            await client.infer(request(texts, binary=True, dimensions=5000))
        except grpc.RpcError as error:
            return {"grpc_health": health, "grpc": answer, "grpc_refusal": str(error.details())}
    raise AssertionError("5000 dimensions were not refused")


async def both(url: str, address: str, texts: Sequence[str]) -> dict[str, Any]:
    """All of it."""
    return {**await over_rest(url, texts), **await over_grpc(address, texts)}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(both(sys.argv[1], sys.argv[2], sys.argv[3:]))))  # noqa: T201
