"""Everything that reads bytes from elsewhere, the bytes it reads, and what it may do with them."""

from __future__ import annotations

import random
import struct
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import orjson

from retrieval_predictor.edge.protocol import oip, oip_rest, openai, rerank, tei
from retrieval_predictor.errors import EngineLost, Overloaded, RequestError
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.frames import FrameReader, Kind
from retrieval_predictor.wire.work import Rows, Run
from tests.support import make
from tests.support.mutation import damaged
from tests.support.wire import binary_infer

MAX_TEXTS = 64
Read = Callable[[bytes], object]


@dataclass(frozen=True, slots=True)
class Target:
    """A reader of bytes, whole inputs to damage, and the errors it may raise."""

    name: str
    read: Read
    seeds: Sequence[bytes]
    refusals: tuple[type[Exception], ...] = (RequestError,)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a target's inputs: how many were taken, and the CPU seconds of the slowest."""

    taken: int
    refused: int
    slowest_s: float
    slowest: int


def run(target: Target, count: int, seed: int = 0) -> Outcome:
    """Feed a target damaged inputs.

    Raises:
        AssertionError: One did something else than to be taken or refused; its number is told.
    """
    taken, slowest = 0, (0.0, 0)
    for number in range(seed, seed + count):
        data = damaged(target.seeds, random.Random(number))
        started_s = time.thread_time()
        try:
            target.read(data)
            taken += 1
        except target.refusals:
            pass
        except Exception as error:
            raise AssertionError(f"{target.name}, input {number}: {error!r}") from error
        slowest = max(slowest, (time.thread_time() - started_s, number))
    return Outcome(taken, count - taken, *slowest)


def _infer(body: bytes) -> object:
    """The JSON way in; a call that parses must become a request or a refusal for both models."""
    call = oip_rest.parse(body, None, MAX_TEXTS)
    try:
        return oip.to_embed_request(call, MAX_TEXTS)
    except RequestError:
        return oip.to_rerank_request(call, MAX_TEXTS)


def _binary(body: bytes) -> object:
    """The binary way in: up to a line feed is the length header, which fuzzing damages too."""
    header, _, rest = body.partition(b"\n")
    call = oip_rest.parse(rest, header.decode("latin-1"), MAX_TEXTS)
    return oip.to_embed_request(call, MAX_TEXTS)


def _frames(stream: bytes) -> object:
    """The engine's socket, from the first byte to arrays and errors."""
    for frame in FrameReader().feed(stream):
        _UNPACK[frame.kind](frame.payload)
    return None


_UNPACK: dict[Kind, Callable[[memoryview], object]] = {
    Kind.RUN: frames.unpack_run,
    Kind.CANCEL: bytes,
    Kind.ROWS: frames.unpack_rows,
    Kind.FAULT: frames.unpack_fault,
    Kind.STATE: frames.unpack_json,
    Kind.STATS: frames.unpack_json,
    Kind.LOAD: frames.unpack_load,
}


def _json(*bodies: object) -> tuple[bytes, ...]:
    return tuple(map(orjson.dumps, bodies))


def _tensor(name: str, texts: list[str], **more: object) -> dict[str, object]:
    return {"name": name, "datatype": "BYTES", "shape": [len(texts)], "data": texts, **more}


_LONG = "déjà vu " * 200
_INFER = _json(
    {"id": "42", "inputs": [_tensor("text", ["a", _LONG])], "parameters": {"dimensions": 8}},
    {"inputs": [_tensor("text", ["a"], shape=[1, 1])], "outputs": [{"name": "embedding"}]},
    {"inputs": [_tensor("query", ["q"]), _tensor("documents", ["a", "b"])]},
)
_OPENAI = _json(
    {"input": ["a", _LONG, "\u0000"], "model": "embedder", "dimensions": 8},
    {"input": [[1, 2, 3], [4]], "encoding_format": "base64", "truncate": "middle"},
    {"input": "a", "input_type": "search_query", "normalize": False},
)
_TEI = _json({"inputs": ["a", _LONG], "truncate": False}, {"inputs": [1, 2]}, {"inputs": "a"})
_RERANK = _json(
    {
        "query": "q",
        "documents": ["a", {"text": "b", "id": 5}],
        "top_n": 1,
        "return_documents": True,
    },
    {"query": {"text": "q"}, "texts": ["a", _LONG], "raw_scores": True},
    {"query": "q", "passages": [{"text": "a"}], "truncate": "END"},
)
_IDS = make.rows_of([[5], [6, 7]])
_FRAMES = (
    frames.pack_run(7, Run(_IDS, 1.5, 9)) + frames.pack_cancel(7),
    frames.pack_rows(7, Rows(np.ones((2, 3), dtype=np.float32), 0.1, 0.2)),
    frames.pack_fault(7, EngineLost()) + frames.pack_fault(8, Overloaded(1, 2, 3, 4.0)),
    frames.pack_state({"phase": "ready"}) + frames.pack_load(Load(1, 2, 3, 4, 5.0)),
    frames.pack_stats(7, None) + frames.pack_stats(7, {"queue_tokens": 0}),
)

_NO_FRAMES = (ValueError, struct.error, KeyError, TypeError)
"""What costs the engine's socket its connection and nothing else; only our processes write it."""


def _with_header(texts: Sequence[str]) -> bytes:
    body, length = binary_infer([("text", texts)])
    return length.encode() + b"\n" + body


TARGETS = (
    Target("v2 JSON", _infer, _INFER),
    Target("v2 binary", _binary, (_with_header(["a"]), _with_header(["", _LONG, "b"]))),
    Target("OpenAI", lambda body: openai.parse(body, MAX_TEXTS), _OPENAI),
    Target("TEI", lambda body: tei.parse(body, MAX_TEXTS), _TEI),
    Target("rerank", lambda body: rerank.parse(body, MAX_TEXTS), _RERANK),
    Target("frames", _frames, _FRAMES, _NO_FRAMES),
)
