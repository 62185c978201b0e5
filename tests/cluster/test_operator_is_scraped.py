"""A real Prometheus scrapes the running operator; its dashboard shows the service that is there."""

from __future__ import annotations

import sys

import pytest

from tests.cluster.api import POD, RETRIEVAL_SERVICE
from tests.cluster.nodes import whole
from tests.cluster.operated import Operated, service, wait_ready
from tests.observability.boards import RULES, queries
from tests.observability.server import Prometheus, Target, prometheus

LABELS = {"namespace": "retrieval-system", "service": "operator-metrics", "pod": "operator-0"}
"""What a ServiceMonitor gives the operator's series; those of services keep their own."""


@pytest.fixture
def scraped(operator: Operated, tmp_path):
    target = Target(operator.url.removeprefix("http://"), LABELS)
    with prometheus(tmp_path, [target], [RULES]) as server:
        yield server


def values(server: Prometheus, expr: str) -> list[float]:
    return [float(one["value"][1]) for one in server.query(expr)]


def test_every_panel_of_the_operators_dashboard_has_data(lab, scraped, namespace, nodes):
    nodes(whole(count=1))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    of_it = f'{{namespace="{namespace}",service="docs"'
    scraped.wait_for(f'retrieval_operator_condition{of_it},type="Ready"}} == 1')
    pod = lab.api.list(POD, namespace)[0]["metadata"]["name"]
    lab.api.patch(POD, pod, {"metadata": {"annotations": {"touched": "1"}}}, namespace)
    scraped.wait_for("sum(increase(retrieval_operator_reconcile_total[60s])) > 0")
    replicas = f"sum(retrieval_operator_replicas{of_it}"
    scraped.wait_for(f'{replicas},state="ready"}}) == 1')
    scraped.wait_for(f'{replicas},state="desired"}}) == 1')
    scraped.wait_for(f"retrieval_operator_planned_max_batch_tokens{of_it}}} > 0")
    lines = []
    for asked in queries():
        if asked.board == "retrieval-operator":
            scraped.wait_for(asked.filled("60s"))
            found = values(scraped, asked.filled("60s"))
            shown = ", ".join(f"{value:.6g}" for value in found[:4]) or "no series"
            lines.append(f"{asked.board:20} | {asked.panel:40} | {len(found):3} | {shown}")
    sys.stdout.write("\n".join(lines))  # shown by `pytest -rP`


def test_series_of_a_service_that_is_gone_are_gone(lab, scraped, namespace, nodes):
    nodes(whole(count=1))
    lab.api.apply(service("docs", namespace))
    wait_ready(lab, "docs", namespace)
    expr = f'count(retrieval_operator_condition{{namespace="{namespace}"}})'
    scraped.wait_for(expr)
    lab.api.delete(RETRIEVAL_SERVICE, "docs", namespace)
    scraped.wait_for(f"absent({expr})")
