"""Whatever breaks, every request gets one answer, every answer is right, and service resumes."""

from __future__ import annotations

import asyncio
import os
import resource
import signal
import socket
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager

import httpx
import numpy as np
import psutil
import pytest

from tests.support import checkpoints, faulty
from tests.support.metrics import metric, pids, workers
from tests.support.processes import Predictor, launched, running, wait_until_ready
from tests.support.waiting import until

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

WORDS = (
    *("how", "do", "I", "bake", "a", "loaf", "of", "bread"),
    *("at", "home", "mix", "flour", "water", "and", "wait", "until"),
)


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    return faulty.faulty_bert(tmp_path_factory.mktemp("faulty"), pause_s=0.01)


@pytest.fixture(scope="module")
def predictor(checkpoint, tmp_path_factory) -> Iterator[Predictor]:
    """Two workers, one engine that is restarted after six seconds of silence, no cache."""
    with running(
        tmp_path_factory.mktemp("failures"),
        model__uri=f"file://{checkpoint}",
        model__trust_remote_code=True,
        workers=2,
        cache_bytes=0,
        engine_silence_s=6,
        limits__body_timeout_s=15,
        batching__max_batch_tokens=512,
        batching__max_queue_wait_milliseconds=0,
    ) as one:
        yield one


def sentence(number: int) -> str:
    """One of a thousand different texts."""
    return " ".join(WORDS[(number // 16**place) % 16] for place in range(3))


def embed(predictor: Predictor, *texts: str) -> httpx.Response:
    return predictor.post("/embed", json={"inputs": list(texts)})


def vectors(answer: httpx.Response) -> np.ndarray:
    assert answer.status_code == 200, answer.text
    return np.array(answer.json())


@pytest.fixture(scope="module")
def truth(predictor: Predictor) -> np.ndarray:
    """The right vector of every sentence, from before anything broke."""
    return vectors(embed(predictor, *(sentence(number) for number in range(200))))


class Callers:
    """Clients that ask all the time; what they were answered, by status, and how far off."""

    def __init__(self, url: str, truth: np.ndarray) -> None:
        self.statuses: Counter[int] = Counter()
        self.asked = 0
        self.worst = 0.0
        self._url = url
        self._truth = truth
        self._stop = asyncio.Event()

    async def ask(self, first: int) -> None:
        """One client with a connection of its own, until told to stop."""
        number = first
        async with httpx.AsyncClient(base_url=self._url, timeout=90) as client:
            while not self._stop.is_set():
                number = (number + 16) % len(self._truth)
                self.asked += 1
                body = {"inputs": [sentence(number)]}
                try:
                    answer = await client.post("/embed", json=body)
                except (httpx.RemoteProtocolError, httpx.ReadError):
                    self.statuses[0] += 1  # a worker died with the connection
                    continue
                self.statuses[answer.status_code] += 1
                if answer.status_code == 200:
                    off = np.abs(np.array(answer.json()[0]) - self._truth[number]).max()
                    self.worst = max(self.worst, float(off))
                else:
                    await asyncio.sleep(0.05)

    def stop(self) -> None:
        self._stop.set()


@asynccontextmanager
async def callers(predictor: Predictor, truth: np.ndarray) -> AsyncIterator[Callers]:
    """Sixteen clients around whatever happens; in the end all have been answered."""
    load = Callers(predictor.url, truth)
    async with asyncio.timeout(240), asyncio.TaskGroup() as tasks:
        for number in range(16):
            tasks.create_task(load.ask(number))
        await asyncio.sleep(1)
        yield load
        await asyncio.to_thread(wait_until_ready, predictor, 180)
        await asyncio.sleep(1)
        load.stop()
    assert sum(load.statuses.values()) == load.asked
    assert load.worst < 1e-5


async def test_batches_that_do_not_fit_cost_nobody_an_answer(predictor: Predictor, truth):
    async with callers(predictor, truth) as load:
        others = tuple(map(sentence, range(20)))  # company on whichever core it is computed
        hungry = await asyncio.to_thread(embed, predictor, faulty.text("memory"), *others)
    assert set(load.statuses) == {200}
    np.testing.assert_allclose(vectors(hungry)[1:], truth[:20], atol=1e-5)
    assert metric(predictor.get("/metrics").text, "retrieval_oom_retries_total") >= 1


async def test_a_text_that_never_fits_fails_alone(predictor: Predictor, truth):
    async with callers(predictor, truth) as load:
        long = faulty.text("memory", "flour " * 40)
        failed = await asyncio.to_thread(embed, predictor, long)
    assert (failed.status_code, set(load.statuses)) == (500, {200})


async def test_a_row_that_is_not_a_number_fails_its_own_request(predictor: Predictor, truth):
    async with callers(predictor, truth) as load:
        failed = await asyncio.to_thread(embed, predictor, sentence(1), faulty.text("nan"))
    assert (failed.status_code, set(load.statuses)) == (500, {200})
    assert "NaN" not in failed.text


async def test_an_engine_killed_under_load_loses_and_falsifies_nothing(predictor: Predictor, truth):
    before = pids(predictor)["engine"]
    async with callers(predictor, truth) as load:
        os.kill(int(before), signal.SIGKILL)
        await asyncio.to_thread(wait_for_another_engine, predictor, before)
    assert set(load.statuses) <= {200, 503}
    assert load.statuses[503] >= 1


async def test_a_text_that_kills_the_engine_is_answered_503(predictor: Predictor, truth):
    before = pids(predictor)["engine"]
    async with callers(predictor, truth) as load:
        deadly = await asyncio.to_thread(embed, predictor, faulty.text("die"))
        await asyncio.to_thread(wait_for_another_engine, predictor, before)
    assert (deadly.status_code, set(load.statuses) <= {200, 503}) == (503, True)


async def test_an_engine_that_stands_still_as_a_whole_is_replaced(predictor: Predictor, truth):
    before = pids(predictor)["engine"]
    async with callers(predictor, truth) as load:
        os.kill(int(before), signal.SIGSTOP)
        await asyncio.to_thread(wait_for_another_engine, predictor, before)
    assert set(load.statuses) <= {200, 503}
    assert "engine_silent" in predictor.log.read_text()


async def test_a_worker_killed_under_load_costs_only_its_own_connections(
    predictor: Predictor, truth
):
    async with callers(predictor, truth) as load:
        worker = workers(predictor)[-1]
        os.kill(worker, signal.SIGKILL)
        await asyncio.to_thread(until, lambda: not psutil.pid_exists(worker))
        await asyncio.to_thread(until, lambda: len(workers(predictor)) == 2, 120)
    assert set(load.statuses) <= {0, 200}
    assert load.statuses[0] <= 16
    assert len(workers(predictor)) == 2


def test_counters_never_go_backwards_and_gauges_of_the_dead_vanish(predictor: Predictor, truth):
    del truth
    before, engine = predictor.get("/metrics").text, pids(predictor)["engine"]
    os.kill(int(engine), signal.SIGKILL)
    until(lambda: engine not in pids(predictor).values())
    between = predictor.get("/metrics").text
    wait_for_another_engine(predictor, engine)
    after = predictor.get("/metrics").text
    for name in (
        "retrieval_requests_total",
        "retrieval_input_tokens_total",
        "retrieval_forward_seconds_count",
        "retrieval_batch_size_sum",
        "retrieval_queue_wait_seconds_bucket",
    ):
        assert 0 < metric(before, name) <= metric(between, name) <= metric(after, name), name
    assert metric(before, "retrieval_warmup_ready") == metric(after, "retrieval_warmup_ready") == 1
    assert metric(between, "retrieval_queue_tokens") == 0


def test_a_client_that_sends_a_byte_a_second_is_let_go(predictor: Predictor):
    with socket.create_connection(("127.0.0.1", int(predictor.url.rpartition(":")[2]))) as slow:
        slow.sendall(b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n")
        slow.settimeout(60)
        for _ in range(2):
            slow.sendall(b" ")
            time.sleep(1)
        assert embed(predictor, sentence(3)).status_code == 200
        assert slow.recv(100).startswith(b"HTTP/1.1 408")


def test_clients_that_do_not_read_their_answer_hold_nothing_up(predictor: Predictor):
    body = b'{"inputs": [' + b",".join(b'"bread %d"' % n for n in range(2000)) + b"]}"
    head = b"POST /embed HTTP/1.1\r\nhost: x\r\ncontent-length: %d\r\n\r\n" % len(body)
    port = int(predictor.url.rpartition(":")[2])
    deaf = [socket.create_connection(("127.0.0.1", port)) for _ in range(4)]
    try:
        for one in deaf:
            one.sendall(head + body)
        for number in range(20):
            assert embed(predictor, sentence(number)).status_code == 200
    finally:
        for one in deaf:
            one.close()


async def test_a_forward_that_never_returns_is_answered_503_and_replaced(
    predictor: Predictor, truth
):
    async with (
        httpx.AsyncClient(base_url=predictor.url, timeout=180) as client,
        callers(predictor, truth) as load,
    ):
        hung = await client.post("/embed", json={"inputs": faulty.text("hang")})
    assert (hung.status_code, set(load.statuses)) == (503, {200, 503})


def test_without_disk_space_for_metrics_requests_are_answered_all_the_same(
    tmp_path_factory,
):
    folder = tmp_path_factory.mktemp("disk")
    checkpoint = checkpoints.bert(folder / "model")
    with ExitStack() as stack:
        with files_of_at_most(48 * 1024):  # less than a file of counts
            run = launched(folder / "run", model__uri=f"file://{checkpoint}")
            predictor = stack.enter_context(run)
        wait_until_ready(predictor)
        assert embed(predictor, "a loaf of bread").status_code == 200
        assert "retrieval_process_memory_bytes" in predictor.get("/metrics").text
        assert "metrics_lost" in predictor.log.read_text()


def test_of_two_engines_one_that_cannot_come_back_leaves_the_other_serving(tmp_path_factory):
    """As a GPU that falls off the bus: its engine's later lives end with exit status 78."""
    checkpoint = checkpoints.bert(tmp_path_factory.mktemp("two") / "model")
    more = {"model__uri": f"file://{checkpoint}", "engines": 2, "cache_bytes": 0}
    with running(tmp_path_factory.mktemp("run"), **more) as predictor:
        until(lambda: predictor.get("/info").json()["engines"] == ["ready", "ready"], 180)
        (checkpoint / "config.json").rename(checkpoint / "config.json.away")
        os.kill(int(pids(predictor)["engine"]), signal.SIGKILL)
        until(lambda: predictor.log.read_text().count("no model at") >= 2, 180)
        for number in range(20):
            assert embed(predictor, sentence(number)).status_code == 200
        (checkpoint / "config.json.away").rename(checkpoint / "config.json")
        until(lambda: predictor.get("/info").json()["engines"] == ["ready", "ready"], 180)


@contextmanager
def files_of_at_most(limit_bytes: int) -> Iterator[None]:
    """For processes started meanwhile: they inherit it, so it holds from their first file on."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def wait_for_another_engine(predictor: Predictor, before: str) -> None:
    """Wait until another engine serves; for a moment after its death the old one still does."""
    until(lambda: pids(predictor).get("engine", before) != before, 180)
    wait_until_ready(predictor, 180)
