"""`grpc.health.v1` follows readiness through a predictor's life, and reflection names services."""

from __future__ import annotations

import itertools
import signal
import time
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest
from grpc_health.v1.health_pb2 import HealthCheckRequest, HealthCheckResponse
from grpc_health.v1.health_pb2_grpc import HealthStub
from grpc_reflection.v1alpha.proto_reflection_descriptor_database import (
    ProtoReflectionDescriptorDatabase,
)

from tests.support import faulty
from tests.support.processes import Predictor, launched, wait_until_ready

pytestmark = [pytest.mark.serving, pytest.mark.looptime(False)]

QUICK_TO_CONNECT = [
    ("grpc.initial_reconnect_backoff_ms", 200),
    ("grpc.min_reconnect_backoff_ms", 200),
    ("grpc.max_reconnect_backoff_ms", 500),
]
"""A client that waits longer and longer between its attempts may miss that the model loads."""


@dataclass(frozen=True)
class Life:
    """What a client of the gRPC port saw, from the start of a predictor to its end."""

    loading: int
    serving: int
    draining: int
    watched: list[int]
    services: set[str]


def asked(stub: HealthStub, wanted: set[int]) -> int:
    """The first status that is one of these; connections are refused until the port is open."""
    for _ in range(1200):
        status: int = stub.Check(HealthCheckRequest(), wait_for_ready=True, timeout=60).status
        if status in wanted:
            return status
        time.sleep(0.05)
    raise AssertionError(f"never one of {wanted}")


def seen(predictor: Predictor) -> Life:
    with grpc.insecure_channel(predictor.grpc, QUICK_TO_CONNECT) as channel:
        stub = HealthStub(channel)
        loading = asked(stub, {0, 1, 2, 3})
        watch = stub.Watch(HealthCheckRequest(service="inference.GRPCInferenceService"))
        wait_until_ready(predictor)
        serving = asked(stub, {HealthCheckResponse.SERVING})
        services = set(ProtoReflectionDescriptorDatabase(channel).get_services())
        watched = [next(watch).status, next(watch).status]
        predictor.process.send_signal(signal.SIGTERM)
        draining = asked(stub, {HealthCheckResponse.NOT_SERVING})
        watched += [answer.status for answer in itertools.islice(watch, 1)]
        return Life(loading, serving, draining, watched, services)


@pytest.fixture(scope="module")
def life(tmp_path_factory) -> Life:
    """Of a model that takes six seconds to warm up, and as long and more to drain."""
    folder: Path = tmp_path_factory.mktemp("health")
    checkpoint = faulty.faulty_bert(folder / "model", pause_s=3)
    with launched(
        folder / "run",
        model__uri=f"file://{checkpoint}",
        model__trust_remote_code=True,
        drain_delay_s=8,
    ) as predictor:
        return seen(predictor)


def test_health_follows_readiness_from_loading_to_draining(life: Life):
    answers = (life.loading, life.serving, life.draining)
    assert answers == (
        HealthCheckResponse.NOT_SERVING,
        HealthCheckResponse.SERVING,
        HealthCheckResponse.NOT_SERVING,
    )


def test_who_watches_is_told_of_each_change(life: Life):
    assert life.watched == [
        HealthCheckResponse.NOT_SERVING,
        HealthCheckResponse.SERVING,
        HealthCheckResponse.NOT_SERVING,
    ]


def test_reflection_names_every_service(life: Life):
    assert life.services == {
        "inference.GRPCInferenceService",
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
    }
