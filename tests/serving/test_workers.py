"""Every worker answers HTTP and gRPC, over IPv6 and IPv4; one that hangs is replaced."""

from __future__ import annotations

import os
import signal
import socket
from collections.abc import Iterator

import grpc
import httpx
import psutil
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest
from grpc_health.v1.health_pb2_grpc import HealthStub

from tests.support import checkpoints
from tests.support.metrics import workers
from tests.support.ports import free_ports
from tests.support.processes import Predictor, launched, running
from tests.support.waiting import until

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

HOSTS = ("127.0.0.1", "[::1]") if socket.has_dualstack_ipv6() else ("127.0.0.1",)


@pytest.fixture(scope="module")
def predictor(tmp_path_factory) -> Iterator[Predictor]:
    """Three workers that are replaced after three seconds of silence."""
    folder = tmp_path_factory.mktemp("workers")
    model = checkpoints.bert(folder / "model")
    settings = {"model__uri": f"file://{model}", "workers": 3, "worker_silence_s": 3}
    with running(folder / "run", **settings) as one:
        until(lambda: len(workers(one)) == 3)
        yield one


def port_of(address: str) -> int:
    return int(address.rpartition(":")[2])


def owners(port: int, connections: int) -> set[int]:
    """The processes that new gRPC connections to the port end up in."""
    alone = [("grpc.use_local_subchannel_pool", 1)]
    channels = [grpc.insecure_channel(f"127.0.0.1:{port}", alone) for _ in range(connections)]
    try:
        for channel in channels:
            HealthStub(channel).Check(HealthCheckRequest(), wait_for_ready=True, timeout=60)
        return {
            one.pid
            for one in psutil.net_connections("tcp")
            if one.status == psutil.CONN_ESTABLISHED and one.pid and tuple(one.laddr)[1] == port
        }
    finally:
        for channel in channels:
            channel.close()


def test_every_worker_answers_grpc(predictor: Predictor):
    assert owners(port_of(predictor.grpc), connections=60) == set(workers(predictor))


@pytest.mark.parametrize("host", HOSTS)
def test_both_protocols_answer_on_every_loopback_address(host: str, predictor: Predictor):
    url = f"http://{host}:{port_of(predictor.url)}/v2/health/ready"
    assert httpx.get(url, timeout=30).json() == {"ready": True}
    with grpc.insecure_channel(f"{host}:{port_of(predictor.grpc)}") as channel:
        answer = HealthStub(channel).Check(HealthCheckRequest(), wait_for_ready=True, timeout=30)
    assert answer.status == 1


def test_a_worker_that_hangs_is_replaced_while_the_others_answer(predictor: Predictor):
    hung = workers(predictor)[0]
    os.kill(hung, signal.SIGSTOP)
    until(lambda: not psutil.pid_exists(hung), 60)
    assert predictor.post("/embed", json={"inputs": "a text"}).status_code == 200
    until(lambda: len(workers(predictor)) == 3, 120)
    assert '"worker_hangs"' in predictor.log.read_text()


@pytest.mark.parametrize("which", ["http_port", "grpc_port"])
def test_a_port_that_somebody_listens_on_ends_the_start_with_its_number(which: str, tmp_path):
    (port,) = free_ports(1)
    with socket.socket() as stranger:
        stranger.bind(("", port))
        stranger.listen()
        with launched(tmp_path, **{which: port}) as predictor:
            assert predictor.process.wait(60) == 78
        assert f"port {port} is taken" in predictor.log.read_text()
