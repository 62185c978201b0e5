"""Clients that ask one embedder again and again, and what became of each of their requests.

Those by HTTP are as simple as clients get: nothing is tried twice, and a connection that breaks is
told. The one by gRPC has a retry policy, because gRPC's own server ends a call with CANCELLED that
arrives between its goodbye and the moment the client hears it (grpc core, Server::ShutdownCalled).
"""

from __future__ import annotations

import http.client
import json
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, Protocol

import numpy as np
import tritonclient.grpc
from tritonclient.utils import InferenceServerException

from tests.support.tensors import text_tensor

TEXT: Final = "How do I bake bread?"
FIRST_NUMBERS: Final = (0.042185675, 0.04322957, -0.020565731)
"""Of its vector by sentence-transformers; README.md shows it."""
ANSWERED: Final = "answered"
WRONG: Final = "another vector"
NO_ENDPOINT: Final = frozenset({"BrokenPipeError", "ConnectionResetError", "RemoteDisconnected"})
"""How a connection ends that a Service cannot hand to any ready pod."""
_PAUSE_S: Final = 0.05
"""Between a client's requests: what starts meanwhile needs the cores."""
_TIMEOUT_S: Final = 30.0
_LEAST_COSINE: Final = 0.999
"""Between one process and another, which may compute in bf16; another text is far below."""


class Client(Protocol):
    """One client with a connection of its own."""

    def ask(self) -> str:
        """What became of a request: a status, or the name of what broke."""

    def close(self) -> None:
        """Let the connection go."""


class Traffic:
    """What the clients have seen so far, counted by outcome."""

    def __init__(self) -> None:
        self.seen: Counter[str] = Counter()

    @property
    def failures(self) -> dict[str, int]:
        """Every outcome that is no right answer."""
        return {outcome: count for outcome, count in self.seen.items() if outcome != ANSWERED}


@contextmanager
def traffic(host: str, expected: np.ndarray) -> Iterator[Traffic]:
    """Four clients as long as the block runs: three by HTTP, two of which stay connected; gRPC."""
    counts, stop = Traffic(), threading.Event()
    makers: tuple[tuple[Callable[[], Client], int | None], ...] = (
        (lambda: HttpClient(host, expected), None),
        (lambda: HttpClient(host, expected), None),
        (lambda: HttpClient(host, expected), 10),
        (lambda: GrpcClient(host, expected), None),
    )
    threads = [
        threading.Thread(target=_keep_asking, args=(make, turns, counts, stop))
        for make, turns in makers
    ]
    for thread in threads:
        thread.start()
    try:
        yield counts
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def _keep_asking(
    make: Callable[[], Client], turns: int | None, counts: Traffic, stop: threading.Event
) -> None:
    """Ask until told to stop; connect anew after so many requests, where a number is given."""
    while not stop.is_set():
        client = make()
        for _ in iter(stop.is_set, True) if turns is None else range(turns):
            counts.seen[client.ask()] += 1
            stop.wait(_PAUSE_S)
        client.close()


class HttpClient:
    """The KServe v2 route; a connection that the server keeps open is used again."""

    def __init__(self, host: str, expected: np.ndarray) -> None:
        self._connection = http.client.HTTPConnection(host, timeout=_TIMEOUT_S)
        self._expected = expected

    def ask(self) -> str:
        """What became of a request."""
        try:
            self._connection.request("POST", "/v2/models/embedder/infer", _BODY, _JSON)
            reply = self._connection.getresponse()
            content = reply.read()
        except (OSError, http.client.HTTPException) as error:
            self._connection.close()
            return type(error).__name__
        if reply.status != http.client.OK:
            return str(reply.status)
        return _verdict(json.loads(content)["outputs"][0]["data"], self._expected)

    def close(self) -> None:
        """Let the connection go."""
        self._connection.close()


class GrpcClient:
    """Triton's client, whose channel connects again by itself."""

    def __init__(self, host: str, expected: np.ndarray) -> None:
        options = [("grpc.enable_http_proxy", 0), ("grpc.service_config", _RETRIES)]
        self._client = tritonclient.grpc.InferenceServerClient(f"{host}:8081", channel_args=options)
        self._inputs = [text_tensor(tritonclient.grpc, "text", [TEXT])]
        self._expected = expected

    def ask(self) -> str:
        """What became of a call."""
        try:
            reply = self._client.infer("embedder", self._inputs, client_timeout=_TIMEOUT_S)
        except InferenceServerException as error:
            return f"grpc {error.status()}: {error.message()}"
        return _verdict(reply.as_numpy("embedding")[0], self._expected)

    def close(self) -> None:
        """Let the channel go."""
        self._client.close()


def _verdict(vector: Any, expected: np.ndarray) -> str:
    """Vectors have length 1."""
    return ANSWERED if np.dot(vector, expected) >= _LEAST_COSINE else WRONG


_RETRIES: Final = json.dumps(
    {
        "methodConfig": [
            {
                "name": [{}],
                "retryPolicy": {
                    "maxAttempts": 3,
                    "initialBackoff": "0.1s",
                    "maxBackoff": "1s",
                    "backoffMultiplier": 2,
                    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
                },
            }
        ]
    }
)
"""Source: gRPC documentation, "Service Config" and "Retry"."""
_JSON: Final = {"Content-Type": "application/json"}
_TENSOR: Final = {"name": "text", "datatype": "BYTES", "shape": [1], "data": [TEXT]}
_BODY: Final = json.dumps({"inputs": [_TENSOR]})
