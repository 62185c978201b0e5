"""What an engine answers in one turn of its loop leaves in one write, the queue's load first."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

import numpy as np

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.server import Connection
from retrieval_predictor.errors import NonFinite
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.frames import FrameReader, Kind
from retrieval_predictor.wire.work import Rows, Run
from tests.support import make

_Data = bytes | bytearray | memoryview


class Wire(asyncio.Transport):
    """Keeps what is written, each write by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.writes: list[bytes] = []

    def write(self, data: _Data) -> None:
        self.writes.append(bytes(data))

    def writelines(self, parts: Iterable[_Data]) -> None:
        self.write(b"".join(parts))


class Engine:
    """Accepts everything and computes when told."""

    load = Load(max_query_tokens=100)

    def __init__(self) -> None:
        self.state = {"phase": "ready"}
        self.jobs: list[Job] = []

    def submit(self, run: Run) -> Job:
        job = Job(run, 0.0, asyncio.get_running_loop().create_future())
        self.jobs.append(job)
        return job

    def stats(self) -> dict:
        return {}


async def test_a_batch_of_answers_is_one_write_with_the_load_first():
    engine, wire = Engine(), Wire()
    connection = Connection(engine, set())
    connection.connection_made(wire)
    for number in range(3):
        connection.data_received(frames.pack_run(number, Run(make.encoded((4,), vocabulary=250))))
    wire.writes.clear()
    for job in engine.jobs[:2]:
        job.answer.set_result(Rows(np.ones((1, 2), np.float32), 0.0, 0.0))
    engine.jobs[2].answer.set_exception(NonFinite())
    await asyncio.sleep(0.001)
    (written,) = wire.writes
    kinds = [frame.kind for frame in FrameReader().feed(written)]
    assert kinds == [Kind.LOAD, Kind.ROWS, Kind.ROWS, Kind.FAULT]


async def test_answers_of_another_turn_are_another_write():
    engine, wire = Engine(), Wire()
    connection = Connection(engine, set())
    connection.connection_made(wire)
    for number in range(2):
        connection.data_received(frames.pack_run(number, Run(make.encoded((4,), vocabulary=250))))
    wire.writes.clear()
    for job in engine.jobs:
        job.answer.set_result(Rows(np.ones((1, 2), np.float32), 0.0, 0.0))
        await asyncio.sleep(0.001)
    assert len(wire.writes) == 2
