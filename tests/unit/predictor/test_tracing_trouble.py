"""A collector that cannot be used is told in the log and never stops the service."""

from __future__ import annotations

import os

import pytest

from retrieval_predictor.edge.frontend import open_tracing
from retrieval_predictor.settings import Settings

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9"}


def opened(monkeypatch: pytest.MonkeyPatch, **variables: str):
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return open_tracing(Settings(), os.environ)


def test_without_an_endpoint_there_is_no_tracing(monkeypatch):
    assert opened(monkeypatch) is None


@pytest.mark.parametrize(
    ("variables", "cause"),
    [
        ({"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, "sent as http/protobuf, grpc is asked for"),
        ({"OTEL_BSP_MAX_QUEUE_SIZE": "1", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE": "9"}, "queue"),
    ],
)
def test_what_is_wrong_is_logged_and_nothing_else_happens(variables, cause, monkeypatch, capsys):
    assert opened(monkeypatch, **ENDPOINT, **variables) is None
    written = capsys.readouterr()
    assert "tracing_off" in written.out + written.err
    assert cause in written.out + written.err
