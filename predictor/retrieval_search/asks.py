"""The bytes between API workers and the index process, in the predictor's frames.

RUN   := deadline f64 (CLOCK_MONOTONIC seconds, 0 = none) · candidates u32 · effort u32
· vector, words and filter bytes u32 each · vector f32[] · words UTF-8 · filter JSON
ROWS  := version u32 · batch u32 · queue, dense and words seconds f64 each · rows of each leg
u32 · for each leg rows i64[] · scores f32[]
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

import numpy as np

from retrieval_predictor.wire.frames import Kind, pack
from retrieval_search.ranking.fusion import Floats, Leg

_ASK = struct.Struct("<dIIIII")
_NONE = np.empty(0, np.float32)
_FOUND = struct.Struct("<IIdddII")


@dataclass(frozen=True, slots=True)
class Ask:
    """A query as the index process gets it; without a vector or without words that leg is left out.

    `filter` is the JSON of a condition, empty for none; an effort of 0 is the index's own.
    """

    candidates: int
    vector: Floats | None = None
    words: str = ""
    filter: bytes = b""
    effort: int = 0
    deadline_s: float = 0.0

    @property
    def numbers(self) -> Floats:
        """The vector of a query that has one."""
        return _NONE if self.vector is None else self.vector


@dataclass(frozen=True, slots=True)
class Found:
    """What the legs found in a version; `batch` queries were searched together."""

    version: int
    dense: Leg
    words: Leg
    queue_s: float = 0.0
    dense_s: float = 0.0
    words_s: float = 0.0
    batch: int = 1


def pack_ask(request_id: int, ask: Ask) -> bytes:
    """The frame of a query."""
    vector = b"" if ask.vector is None else ask.vector.astype("<f4").tobytes()
    parts = vector, ask.words.encode(), ask.filter
    head = _ASK.pack(ask.deadline_s, ask.candidates, ask.effort, *map(len, parts))
    return pack(Kind.RUN, request_id, head, *parts)


def unpack_ask(payload: memoryview) -> Ask:
    """Read a RUN payload."""
    deadline_s, candidates, effort, vector, words, condition = _ASK.unpack_from(payload)
    at = _ASK.size
    if len(payload) != at + vector + words + condition:
        raise ValueError(f"a query of {len(payload)} bytes announces others")
    numbers = np.frombuffer(payload, "<f4", vector // 4, at) if vector else None
    at += vector
    text = bytes(payload[at : at + words]).decode()
    return Ask(candidates, numbers, text, bytes(payload[at + words :]), effort, deadline_s)


def pack_found(request_id: int, found: Found) -> bytes:
    """The frame that answers a query."""
    legs = found.dense, found.words
    head = _FOUND.pack(
        found.version,
        found.batch,
        found.queue_s,
        found.dense_s,
        found.words_s,
        *(leg.size for leg in legs),
    )
    arrays = (one for leg in legs for one in (leg.rows.astype("<i8"), leg.scores.astype("<f4")))
    return pack(Kind.ROWS, request_id, head, *(one.tobytes() for one in arrays))


def unpack_found(payload: memoryview) -> Found:
    """Read a ROWS payload."""
    version, batch, queue_s, dense_s, words_s, *sizes = _FOUND.unpack_from(payload)
    at, legs = _FOUND.size, []
    for size in sizes:
        rows = np.frombuffer(payload, "<i8", size, at)
        scores = np.frombuffer(payload, "<f4", size, at + 8 * size)
        legs.append(Leg(rows, scores))
        at += 12 * size
    return Found(version, legs[0], legs[1], queue_s, dense_s, words_s, batch)
