"""The bytes between API workers and the engine: length-prefixed binary frames on a Unix socket.

One frame carries one client request with all its texts, so the cost of the socket does not grow
with the number of texts. Nothing is pickled; tensors are raw little-endian arrays.

    frame   := length u32 (bytes that follow) · kind u8 · request id u64 · payload
    RUN     := deadline f64 (CLOCK_MONOTONIC seconds, 0 = none) · client u64 · cache u64 · N u32
               · outputs u32 (flags of `work.Outputs`) · lengths i32[N] · segments i32[N]
               · ids i32[sum(lengths)]
    CANCEL  := empty
    ROWS    := N u32 · width u32 · queue seconds f64 · forward seconds f64
               · batches u32 · most texts of one u32 · most tokens of one u32 · rows f32[N, width],
               or with width 0 rows that differ in length, one behind the other
    FAULT   := JSON {"code", "facts"} of an error
    STATE   := JSON {"phase", …}, pushed by the engine every second and on changes; request id 0
    LOAD    := waiting tokens u64[query, bulk] · bound of a lane u64 · tokens a second f64; before
               the ROWS and FAULTs of a turn of the engine's loop, so that a worker knows the queue
               while it is busy; request id 0
    STATS   := empty from an API worker, JSON with live figures from the engine

CLOCK_MONOTONIC is one clock for all processes of a machine (clock_gettime(2)), which is what lets
a deadline cross the socket as a number.
"""

from __future__ import annotations

import struct
from dataclasses import astuple, dataclass
from enum import IntEnum
from typing import Any

import numpy as np
import orjson

from retrieval_predictor.errors import RetrievalError, revive
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.work import Encoded, Outputs, Passes, Rows, Run

MAX_FRAME_BYTES = 2**31 - 1
BEAT_S = 1.0
"""Seconds between two STATE frames; an engine that stays silent for many of them is lost."""

_HEAD = struct.Struct("<IBQ")
_RUN = struct.Struct("<dQQII")
_ROWS = struct.Struct("<IIddIII")
_LOAD = struct.Struct("<QQQQd")
_LENGTH_BYTES = 4


class Kind(IntEnum):
    """What a frame is."""

    RUN = 1
    CANCEL = 2
    ROWS = 3
    FAULT = 4
    STATE = 5
    STATS = 6
    LOAD = 7


@dataclass(frozen=True, slots=True)
class Frame:
    """One undecoded frame."""

    kind: Kind
    request_id: int
    payload: memoryview


def pack_run(request_id: int, run: Run) -> bytes:
    """The frame that asks the engine for one row per text."""
    encoded = run.encoded
    count = encoded.lengths.size
    payload = _RUN.pack(run.deadline_s, run.client, encoded.cache, count, encoded.outputs)
    arrays = (encoded.lengths, encoded.segments, encoded.ids)
    return pack(Kind.RUN, request_id, payload, *(array.tobytes() for array in arrays))


def unpack_run(payload: memoryview) -> Run:
    """Read a RUN payload; the arrays are views of it, not copies."""
    deadline_s, client, cache, count, outputs = _RUN.unpack_from(payload)
    numbers = np.frombuffer(payload, dtype="<i4", offset=_RUN.size)
    lengths, segments, ids = numbers[:count], numbers[count : 2 * count], numbers[2 * count :]
    if int(lengths.sum()) != ids.size:
        raise ValueError(f"frame announces {int(lengths.sum())} ids and carries {ids.size}")
    return Run(Encoded(ids, lengths, segments, Outputs(outputs), cache), deadline_s, client)


def pack_cancel(request_id: int) -> bytes:
    """The frame that says nobody waits for this request any more."""
    return pack(Kind.CANCEL, request_id)


def pack_rows(request_id: int, answer: Rows) -> bytes:
    """The frame that answers a RUN."""
    count, width = answer.rows.shape if answer.rows.ndim == 2 else (answer.rows.size, 0)
    passes = answer.passes
    counts = (passes.count, passes.texts, passes.tokens)
    head = _ROWS.pack(count, width, answer.queue_s, answer.forward_s, *counts)
    return pack(Kind.ROWS, request_id, head, np.ascontiguousarray(answer.rows).tobytes())


def unpack_rows(payload: memoryview) -> Rows:
    """Read a ROWS payload; the rows are a view of it."""
    count, width, queue_s, forward_s, *passes = _ROWS.unpack_from(payload)
    rows = np.frombuffer(payload, dtype="<f4", offset=_ROWS.size)
    return Rows(rows.reshape(count, width) if width else rows, queue_s, forward_s, Passes(*passes))


def pack_fault(request_id: int, error: RetrievalError) -> bytes:
    """The frame that answers a RUN with an error."""
    body = orjson.dumps({"code": error.code, "facts": error.facts()})
    return pack(Kind.FAULT, request_id, body)


def unpack_fault(payload: memoryview) -> RetrievalError:
    """Rebuild the error that the other side packed."""
    body = orjson.loads(payload)
    return revive(body["code"], body["facts"])


def pack_state(state: dict[str, Any]) -> bytes:
    """The frame that tells API workers what the engine is doing."""
    return pack(Kind.STATE, 0, orjson.dumps(state))


def pack_load(load: Load) -> bytes:
    """The frame that tells an API worker what waits."""
    return pack(Kind.LOAD, 0, _LOAD.pack(*astuple(load)))


def unpack_load(payload: memoryview) -> Load:
    """Read a LOAD payload."""
    return Load(*_LOAD.unpack(payload))


def pack_stats(request_id: int, stats: dict[str, Any] | None) -> bytes:
    """The frame that asks for live figures (None), or answers with them."""
    return pack(Kind.STATS, request_id, b"" if stats is None else orjson.dumps(stats))


def unpack_json(payload: memoryview) -> dict[str, Any]:
    """Read a STATE payload or an answered STATS one."""
    value: dict[str, Any] = orjson.loads(payload)
    return value


def pack(kind: Kind, request_id: int, *parts: bytes) -> bytes:
    """A frame of a kind, its payload in parts."""
    size = _HEAD.size - _LENGTH_BYTES + sum(map(len, parts))
    return b"".join((_HEAD.pack(size, kind, request_id), *parts))


class FrameReader:
    """Cuts a byte stream into frames, whatever pieces it arrives in.

    Most reads bring whole frames, which are cut out of them; only what is left over is kept.
    """

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = bytearray()

    def feed(self, data: bytes) -> list[Frame]:
        """Add bytes; returns every frame that is now whole.

        Raises:
            ValueError: The bytes are not frames of ours; the connection cannot be saved.
        """
        if not self._rest:
            frames, end = _cut(data)
            self._rest += data[end:]
            return frames
        self._rest += data
        frames, end = _cut(self._rest)
        del self._rest[:end]
        return frames


def _cut(data: bytes | bytearray) -> tuple[list[Frame], int]:
    """The whole frames that bytes begin with, each payload a copy, and where the rest begins."""
    frames, start, size, view = [], 0, len(data), memoryview(data)
    while size - start >= _HEAD.size:
        length, kind, request_id = _HEAD.unpack_from(data, start)
        if not _HEAD.size - _LENGTH_BYTES <= length <= MAX_FRAME_BYTES:
            raise ValueError(f"a frame of {length} bytes; the stream is not ours")
        end = start + _LENGTH_BYTES + length
        if end > size:
            break
        payload = memoryview(bytes(view[start + _HEAD.size : end]))
        frames.append(Frame(Kind(kind), request_id, payload))
        start = end
    return frames, start
