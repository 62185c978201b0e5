"""An operator of single namespaces serves these and nothing else, with rights in these alone."""

from collections.abc import Iterator

import pytest

from tests.cluster.api import INFERENCE_SERVICE, RETRIEVAL_SERVICE, until
from tests.cluster.faults import faulty_api, refusal
from tests.cluster.lab import Lab
from tests.cluster.nodes import whole
from tests.cluster.operated import Operated, service, wait_ready
from tests.cluster.process import answers


@pytest.fixture
def small(lab: Lab, operator, namespace) -> Iterator[tuple[Operated, str]]:
    """An operator of one namespace that may not see nodes; it and its namespace, still empty."""
    operator.stop()
    with faulty_api(lab.site) as proxy:
        proxy.answer(refusal(403), times=100_000, resource="nodes")
        running = Operated(lab, "small", proxy.url, namespaces=namespace)
        running.start()
        yield running, namespace
        running.stop()
        beyond = {
            one.resource
            for one in proxy.seen
            if one.verb in {"list", "watch"} and not one.namespace
        }
        assert beyond <= {"nodes", ""}
    operator.start()


@pytest.fixture
def elsewhere(lab: Lab) -> Iterator[str]:
    name = "elsewhere"
    lab.api.create({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    yield name
    lab.api.delete(RETRIEVAL_SERVICE, "docs", name)
    lab.api.delete("v1/Namespace", name)


def test_it_is_ready_in_an_empty_namespace_and_serves_what_comes(
    lab, small, elsewhere, nodes, took
):
    operator, namespace = small
    took("ready_while_empty_s")
    nodes(whole())
    told = {"gpu": {"memory": "20Gi"}}
    lab.api.apply(service("docs", elsewhere, embedder=told))
    lab.api.apply(service("docs", namespace, embedder=told))
    wait_ready(lab, "docs", namespace)
    took("ready_s")
    until(lambda: operator.metric("retrieval_operator_queue_depth") == 0, "nothing waits")
    assert not lab.api.list(INFERENCE_SERVICE, elsewhere)
    assert "status" not in lab.api.get(RETRIEVAL_SERVICE, "docs", elsewhere)
    assert answers(f"{operator.url}/healthz")
