"""Two hundred services found at a start take few requests, little time, and then none at all."""

import time

import pytest

from retrieval_bench.cpu import ProcessTrees
from tests.cluster.api import INFERENCE_SERVICE, RETRIEVAL_SERVICE, condition, until
from tests.cluster.nodes import cpu
from tests.cluster.operated import service

SERVICES = 200
WRITES_EACH = 16
"""An InferenceService, its limits, and a status and events for each stage that pods go through."""
COLD_CPU_S = 30.0
"""The operator's own; the time on the clock is the whole cluster's, and is recorded."""
PATIENCE_S = 600.0
"""For KServe, the controllers and kwok to bring up so many pods on a machine that may be busy."""
WRITES = ("create", "update", "patch", "delete")


def writes(proxy, namespace):
    return sum(proxy.count(verb=verb, namespace=namespace) for verb in WRITES)


@pytest.mark.timeout(3 * PATIENCE_S, func_only=True)
def test_many_services_are_reconciled_from_a_cold_start(
    lab, operator, proxy, namespace, nodes, took
):
    nodes(cpu(cores=2000, memory="8000Gi"), cpu(cores=2000, memory="8000Gi"))
    operator.stop()
    for number in range(SERVICES):
        lab.api.create(service(f"docs-{number}", namespace, embedder={"gpu": None}))
    before, told = writes(proxy, namespace), len(operator.server.log.read_bytes())
    took("created_s")
    operator.start()
    took("started_s")
    until(
        lambda: len(slowly(lab, INFERENCE_SERVICE, namespace)) == SERVICES,
        "every InferenceService is there",
        limit_s=PATIENCE_S,
    )
    took("applied_s")
    until(
        lambda: all(
            condition(one, "PlanValid").get("status") == "True"
            for one in slowly(lab, RETRIEVAL_SERVICE, namespace)
        ),
        "every status is written",
        limit_s=PATIENCE_S,
    )
    took("told_s")
    cpu_s = took("operator_cpu_s", ProcessTrees([operator.server.pid]).cpu_s())
    assert cpu_s <= COLD_CPU_S
    until(lambda: is_quiet(proxy, namespace), "nothing is written any more", limit_s=PATIENCE_S)
    took("quiet_s")
    written = writes(proxy, namespace) - before
    took("writes_a_service", written / SERVICES)
    assert written <= WRITES_EACH * SERVICES
    assert b'"not leading"' not in operator.server.log.read_bytes()[told:]


def slowly(lab, kind, namespace):
    """Listing is work for the API server too."""
    time.sleep(1.0)
    return lab.api.list(kind, namespace)


def is_quiet(proxy, namespace):
    before = writes(proxy, namespace)
    time.sleep(3.0)
    return writes(proxy, namespace) == before
