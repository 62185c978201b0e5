"""Several engines behind one address: the least busy one gets the request."""

from __future__ import annotations

import asyncio
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval_predictor.edge.engines import Engines
from retrieval_predictor.edge.remote import RemoteEngine
from retrieval_predictor.errors import EngineLost, NotReady
from retrieval_predictor.supervisor.environment import device_of
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.admission import Load
from retrieval_predictor.wire.frames import Frame, Kind
from retrieval_predictor.wire.work import Rows, Run
from tests.support import make

pytestmark = pytest.mark.looptime(False)


class FakeEngine(asyncio.Protocol):
    """Speaks frames; answers a request when it is told to."""

    def __init__(self, phase: str = "ready") -> None:
        self.phase = phase
        self.asked: list[Frame] = []
        self._reader = frames.FrameReader()
        self.transport: Any = None

    def connection_made(self, transport) -> None:
        self.transport = transport
        self.say(self.phase)

    def data_received(self, data: bytes) -> None:
        self.asked += self._reader.feed(data)

    def say(self, phase: str) -> None:
        self.transport.write(frames.pack_state({"phase": phase, "card": None}))

    def load(self, waiting: int) -> None:
        self.transport.write(frames.pack_load(Load(waiting, 0, 10**6, 10**6, 1.0)))

    def answer(self) -> None:
        frame = self.asked.pop(0)
        texts = frames.unpack_run(frame.payload).encoded.lengths.size
        rows = Rows(np.zeros((texts, 2), dtype=np.float32), 0.0, 0.0)
        self.transport.write(frames.pack_rows(frame.request_id, rows))


def _itself(fake: FakeEngine) -> FakeEngine:
    return fake


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0.001)


@pytest.fixture
async def pod(tmp_path: Path):
    """Two engines and a worker's view of them."""
    fakes = [FakeEngine(), FakeEngine()]
    sockets = [tmp_path / f"{number}" for number in range(2)]
    loop = asyncio.get_running_loop()
    servers = [
        await loop.create_unix_server(partial(_itself, fake), path=str(socket))
        for fake, socket in zip(fakes, sockets, strict=True)
    ]
    engines = Engines([RemoteEngine(socket) for socket in sockets])
    engines.open()
    await engines.heard(5.0)
    yield engines, fakes
    await engines.close()
    for server in servers:
        server.close()
        await server.wait_closed()


def ask(engines: Engines, tokens: int) -> asyncio.Task[Rows]:
    return asyncio.create_task(engines.run(Run(make.encoded([tokens]))))


async def test_a_request_goes_to_the_engine_with_the_least_in_front(pod):
    engines, (one, other) = pod
    tasks = [ask(engines, 100)]
    await settled()
    tasks += [ask(engines, 10)]
    await settled()
    tasks += [ask(engines, 10)]
    await settled()
    assert [frame.kind for frame in one.asked] == [Kind.RUN]
    assert [frame.kind for frame in other.asked] == [Kind.RUN] * 2
    for fake in (one, other, other):
        fake.answer()
    await asyncio.gather(*tasks)


async def test_what_other_workers_queued_counts_too(pod):
    engines, (one, other) = pod
    one.load(5000)
    await settled()
    tasks = [ask(engines, 100) for _ in range(5)]
    await settled()
    assert (len(one.asked), len(other.asked)) == (0, 5)
    for _ in tasks:
        other.answer()
    await asyncio.gather(*tasks)


async def test_an_engine_that_dies_takes_no_request_of_another_with_it(pod):
    engines, (one, other) = pod
    moved = ask(engines, 100)
    await settled()
    safe = ask(engines, 100)
    await settled()
    one.transport.abort()
    await settled()
    for _ in range(2):
        other.answer()
    await asyncio.gather(moved, safe)
    assert engines.is_ready


async def test_only_the_last_to_close_ends_what_is_in_flight(pod):
    engines, _ = pod
    engines.open()
    waiting = ask(engines, 100)
    await settled()
    await engines.close()
    assert engines.is_ready
    await engines.close()
    with pytest.raises(EngineLost):
        await waiting
    with pytest.raises(NotReady):
        await ask(engines, 100)
    engines.open()


async def test_the_pod_is_ready_while_one_engine_is(pod):
    engines, (one, other) = pod
    one.say("loading")
    await settled()
    assert (engines.is_ready, engines.phases) == (True, ["loading", "ready"])
    other.say("warming up")
    await settled()
    assert (engines.is_ready, engines.phase) == (False, "warming up")
    with pytest.raises(NotReady, match="warming up"):
        engines.admit(1, client=0)


@pytest.mark.parametrize(
    ("visible", "devices"),
    [
        ("", ["0", "1"]),
        ("4,7", ["4", "7"]),
        ("GPU-a, GPU-b", ["GPU-a", "GPU-b"]),
        ("3", ["3", "none"]),
    ],
)
def test_each_engine_sees_one_gpu(visible: str, devices: list[str]):
    assert [device_of(engine, visible) for engine in range(2)] == devices


async def test_a_request_on_board_of_an_engine_that_dies_is_computed_by_another_one(pod):
    engines, (one, other) = pod
    task = ask(engines, 100)
    await settled()
    assert (len(one.asked), len(other.asked)) == (1, 0)
    one.transport.abort()
    await settled()
    assert len(other.asked) == 1
    other.answer()
    assert (await task).rows.shape == (1, 2)


async def test_it_is_tried_on_one_other_engine_and_no_third_time(pod):
    engines, (one, other) = pod
    task = ask(engines, 100)
    await settled()
    one.transport.abort()
    await settled()
    other.transport.abort()
    with pytest.raises(EngineLost):
        await task
    await settled()
    assert (len(one.asked), len(other.asked)) == (1, 1)


async def test_without_another_engine_it_is_said_that_the_engine_was_lost(pod):
    engines, (one, other) = pod
    other.say("loading")
    await settled()
    task = ask(engines, 100)
    await settled()
    one.transport.abort()
    with pytest.raises(EngineLost):
        await task
