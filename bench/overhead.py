"""CPU time of an API worker a request, beside KServe's own path, with an engine that only echoes.

    python bench/overhead.py [--requests 2000] [--rounds 5]

One vector of 1024 numbers a request, Open Inference Protocol v2 in JSON. Both servers run at the
same time and are asked in turn; CPU seconds are the server process's.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import numpy as np
import orjson

sys.path.insert(0, str(Path(__file__).parents[1]))

from retrieval_bench.cpu import ProcessTrees
from retrieval_predictor.edge import socket_name
from retrieval_predictor.model.fetch import fetch
from retrieval_predictor.settings import ModelSource
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.frames import Kind
from retrieval_predictor.wire.work import Rows
from tests.support.ports import free_ports

DIMENSIONS = 1024
_CONNECTIONS = 16
_BODY = orjson.dumps(
    {
        "inputs": [
            {"name": "text", "datatype": "BYTES", "shape": [1], "data": ["how do I bake bread"]}
        ]
    }
)

_KSERVE = """
import sys
import kserve, numpy as np
from kserve import InferOutput, InferResponse

VECTOR = np.random.default_rng(0).standard_normal((1, 1024)).astype(np.float32)

class Echo(kserve.Model):
    def __init__(self):
        super().__init__("embedder")
        self.ready = True
    async def predict(self, payload, headers=None, response_headers=None):
        output = InferOutput("embedding", [1, 1024], "FP32")
        output.set_data_from_numpy(VECTOR, binary_data=False)
        return InferResponse("1", "embedder", [output])

kserve.ModelServer(http_port=int(sys.argv[1]), enable_grpc=False, workers=1,
                   enable_latency_logging=False).start([Echo()])
"""


class EchoEngine(asyncio.Protocol):
    """Speaks the engine's frames and answers every request with the same row."""

    def __init__(self) -> None:
        self._reader = frames.FrameReader()
        self._row = np.random.default_rng(0).standard_normal((1, DIMENSIONS)).astype(np.float32)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Be ready at once."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(frames.pack_state({"phase": "ready", "card": _card()}))
        self._beat()

    def _beat(self) -> None:
        self._transport.write(frames.pack_load(Load(max_query_tokens=10**9, max_bulk_tokens=10**9)))
        asyncio.get_running_loop().call_later(1.0, self._beat)

    def data_received(self, data: bytes) -> None:
        """Answer every frame that is whole."""
        for frame in self._reader.feed(data):
            if frame.kind is Kind.RUN:
                texts = frames.unpack_run(frame.payload).encoded.lengths.size
                rows = Rows(np.repeat(self._row, texts, axis=0), 0.0, 0.0)
                self._transport.write(frames.pack_rows(frame.request_id, rows))


def _card() -> dict[str, Any]:
    folder = fetch(ModelSource())
    card = ModelCard(
        uri="echo",
        revision=None,
        architecture="Echo",
        parameters=0,
        precision="fp32",
        device="cpu",
        encoder="echo",
        dimensions=DIMENSIONS,
        max_input_tokens=512,
        vocabulary_size=30522,
        tokenizer_path=str(folder / "tokenizer.json"),
        prompts={},
        default_prompt=None,
        normalise=True,
        scoring=None,
        instruction=None,
        activation=None,
        load_s=0.0,
    )
    return dataclasses.asdict(card)


@contextmanager
def process(*arguments: str, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    """A Python process of ours, ended on the way out."""
    started = subprocess.Popen(  # noqa: S603  (ourselves)
        [sys.executable, *arguments],
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield started
    finally:
        started.kill()
        started.wait()


async def ask(port: int, count: int) -> None:
    """Send so many requests over one connection, one after another."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    head = (
        "POST /v2/models/embedder/infer HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
        f"content-length: {len(_BODY)}\r\n\r\n"
    )
    for _ in range(count):
        writer.write(head.encode() + _BODY)
        answer = await reader.readuntil(b"\r\n\r\n")
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(answer.decode())
        fields = answer.lower().split(b"content-length:")[1]
        await reader.readexactly(int(fields.split(b"\r\n")[0]))
    writer.close()


async def until_up(port: int) -> None:
    """Wait until the server answers."""
    deadline_s = time.monotonic() + 300
    while time.monotonic() < deadline_s:
        try:
            await ask(port, 1)
        except (OSError, asyncio.IncompleteReadError, SystemExit):
            await asyncio.sleep(0.2)
        else:
            return
    raise SystemExit(f"nothing answers on port {port}")


async def _measure(servers: dict[str, tuple[int, int]], requests: int, rounds: int) -> None:
    """Ask both in turn; prints milliseconds of CPU a request and their ratio, each round."""
    for port, _ in servers.values():
        await until_up(port)
    for round_ in range(rounds):
        cost_ms = {}
        for name, (port, pid) in servers.items():
            tree = ProcessTrees([pid])
            before_s = tree.cpu_s()
            each = requests // _CONNECTIONS
            await asyncio.gather(*(ask(port, each) for _ in range(_CONNECTIONS)))
            cost_ms[name] = (tree.cpu_s() - before_s) / (each * _CONNECTIONS) * 1000
        ours, theirs = cost_ms["ours"], cost_ms["kserve"]
        print(f"round {round_}: ours {ours:.3f} ms, kserve {theirs:.3f} ms, {theirs / ours:.1f} x")


async def _main(requests: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = str(Path(folder) / socket_name(0))
        server = await asyncio.get_running_loop().create_unix_server(EchoEngine, path=path)
        metrics = Path(folder) / "metrics"
        metrics.mkdir()
        ours, theirs, grpc = free_ports(3)
        environment = {
            "RETRIEVAL_RUNTIME_DIR": folder,
            "RETRIEVAL_HTTP_PORT": str(ours),
            "RETRIEVAL_GRPC_PORT": str(grpc),
            "PROMETHEUS_MULTIPROC_DIR": str(metrics),
            "TOKENIZERS_PARALLELISM": "false",  # as the supervisor has it
        }
        with (
            process("-m", "retrieval_predictor.edge", **environment) as mine,
            process("-c", _KSERVE, str(theirs)) as kserves,
        ):
            servers = {"ours": (ours, mine.pid), "kserve": (theirs, kserves.pid)}
            await _measure(servers, requests, rounds)
        server.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    chosen = parser.parse_args()
    asyncio.run(_main(chosen.requests, chosen.rounds))
