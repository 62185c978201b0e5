"""An engine that says nothing for ten beats is lost; one that is merely quiet in between is not."""

from __future__ import annotations

import asyncio

import pytest

from retrieval_predictor.edge.remote import RemoteEngine, Stream, until_lost
from retrieval_predictor.errors import EngineLost, NotReady
from retrieval_predictor.wire import frames
from retrieval_predictor.wire.work import Run
from tests.support import make


def a_stream() -> Stream:
    return Stream(lambda _: None)


async def test_silence_is_taken_for_loss_after_ten_seconds():
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await until_lost(a_stream())
    assert loop.time() - started_s == pytest.approx(10.0)


async def test_a_word_every_nine_seconds_is_enough():
    stream = a_stream()
    waiting = asyncio.create_task(until_lost(stream))
    for _ in range(5):
        await asyncio.sleep(9.0)
        stream.data_received(frames.pack_state({"phase": "ready"}))
    assert not waiting.done()
    waiting.cancel()


async def test_a_closed_connection_is_noticed_at_once():
    stream, loop = a_stream(), asyncio.get_running_loop()
    started_s = loop.time()
    loop.call_later(2.5, stream.connection_lost, None)
    await until_lost(stream)
    assert loop.time() - started_s == pytest.approx(2.5)


@pytest.mark.looptime(False)
async def test_a_new_worker_knows_the_engine_before_it_takes_requests(tmp_path):
    async def greet(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frames.pack_state({"phase": "ready"}))
        await reader.read()
        writer.close()
        gone.set()

    gone = asyncio.Event()

    socket = tmp_path / "engine.sock"
    server = await asyncio.start_unix_server(greet, path=str(socket))
    engine = RemoteEngine(socket)
    engine.open()
    await engine.heard(30.0)
    assert engine.is_ready
    await engine.close()
    await gone.wait()
    server.close()
    await server.wait_closed()


async def test_a_worker_without_an_engine_starts_all_the_same(tmp_path):
    loop = asyncio.get_running_loop()
    started_s = loop.time()
    await RemoteEngine(tmp_path / "nothing.sock").heard(1.0)
    assert loop.time() - started_s == pytest.approx(1.0)


async def test_without_an_engine_nobody_waits(tmp_path):
    engine = RemoteEngine(tmp_path / "nothing.sock")
    with pytest.raises(NotReady):
        await engine.run(Run(make.encoded([3])))


@pytest.mark.looptime(False)
async def test_frames_do_not_pile_up_for_an_engine_that_reads_nothing(tmp_path):
    """Two hundred requests of a megabyte: no more than a few of them become frames."""
    done = asyncio.Event()

    async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(frames.pack_state({"phase": "ready"}))
        await done.wait()
        writer.close()
        del reader

    socket = tmp_path / "engine.sock"
    server = await asyncio.start_unix_server(deaf, path=str(socket), limit=1024)
    engine = RemoteEngine(socket)
    engine.open()
    await engine.heard(30.0)
    run = Run(make.rows_of([[7] * (1 << 18)]))
    asking = [asyncio.create_task(engine.run(run)) for _ in range(200)]
    await asyncio.sleep(0.5)
    assert engine.unsent_bytes < 8 << 20
    await engine.close()
    ends = await asyncio.gather(*asking, return_exceptions=True)
    assert {type(end) for end in ends} <= {EngineLost, NotReady}
    done.set()
    server.close()
    await server.wait_closed()
