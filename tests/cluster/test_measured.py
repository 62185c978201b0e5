"""A pod on a real control plane tells its warm-up, and the status shows it beside the plan."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest

from tests.cluster.api import POD, RETRIEVAL_SERVICE, condition
from tests.cluster.kwok import HELD_NODE
from tests.cluster.nodes import whole
from tests.cluster.operated import says, service
from tests.cluster.pods import running, strike

HOST = "127.77.0.1"
FIGURES = {"tokens": 4096, "forward_s": 0.05, "tokens_per_s": 81920.0, "peak_memory_bytes": 2 << 30}
OBJECTIVE = {"requestsPerBurst": 100, "withinSeconds": 3, "quantile": 0.9}


class Warm(BaseHTTPRequestHandler):
    """GET /health of a predictor."""

    def do_GET(self) -> None:
        body = json.dumps({"status": "ok", "phase": "ready", "warm_up": FIGURES}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Not a word."""


@pytest.fixture
def predictor() -> Iterator[None]:
    """What answers at the address that the test gives its pod."""
    server = ThreadingHTTPServer((HOST, 8080), Warm)
    thread = Thread(target=server.serve_forever)
    thread.start()
    yield
    server.shutdown()
    thread.join()
    server.server_close()


def is_measured(document):
    return "measured" in document["status"]["components"]["embedder"]


def warm(pod):
    """The pod answers at the predictor's address, as a kubelet would write it."""
    return running(pod) | {"podIP": HOST, "podIPs": [{"ip": HOST}]}


@pytest.mark.usefixtures("operator", "predictor")
def test_the_status_shows_measured_beside_planned(lab, namespace, nodes):
    nodes(whole(), end=HELD_NODE)
    promised = service("docs", namespace)
    promised["spec"]["objective"] = OBJECTIVE
    lab.api.apply(promised)
    found = lab.api.wait_for(
        RETRIEVAL_SERVICE, "docs", says("Ready", "False", "ContainerStarting"), namespace=namespace
    )
    assert "(estimated" in condition(found, "ObjectiveMet")["message"]
    (pod,) = lab.api.list(POD, namespace)
    strike(lab.api, pod, warm)
    found = lab.api.wait_for(RETRIEVAL_SERVICE, "docs", is_measured, namespace=namespace)
    seen = found["status"]["components"]["embedder"]
    assert seen["measured"]["tokensPerSecond"] == 81920
    assert seen["measured"]["plannedMemoryBytes"] == seen["plan"]["gpuMemory"]["plannedBytes"]
    assert "(measured at 81,920" in condition(found, "ObjectiveMet")["message"]
