"""Dashboards are what their source says, ask only for what exists, and explain each panel."""

from __future__ import annotations

import json
import re

import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard
from kubernetes.client import Configuration
from prometheus_client.metrics import MetricWrapperBase

from grafana.retrieval_monitoring.__main__ import FILES
from retrieval_operator.generate import drifted
from retrieval_operator.process import Operator
from retrieval_operator.settings import Settings
from retrieval_predictor.telemetry import metrics as predictor_metrics
from tests.observability.boards import NAME, RULES, documents, panels, queries

RULE_LIST = [
    rule
    for group in yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    for rule in group["rules"]
]
PANELS = [
    pytest.param(panel, id=f"{board}: {panel['title']}")
    for board, document in documents().items()
    for panel in panels(document)
]
DCGM = {
    "DCGM_FI_PROF_PIPE_TENSOR_ACTIVE",
    "DCGM_FI_DEV_GPU_UTIL",
    "DCGM_FI_DEV_FB_USED",
    "DCGM_FI_DEV_XID_ERRORS",
}
"""Of dcgm-exporter's default counters (etc/default-counters.csv)."""
PAGE = {"retrieval_process_memory_bytes"}
"""Made when the predictor's page is rendered."""
SUFFIXES = {
    "counter": ("_total",),
    "histogram": ("_bucket", "_sum", "_count"),
    "gauge": ("",),
}


def exported() -> set[str]:
    """The names of every series that predictor and operator export."""
    ours = [one for one in vars(predictor_metrics).values() if isinstance(one, MetricWrapperBase)]
    kinds = {one._name: str(one._type) for one in ours}
    nobody = Configuration(host="http://127.0.0.1:9")
    theirs = Operator(Settings(leader_election=False), nobody)._metrics.registry.collect()
    kinds |= {family.name: str(family.type) for family in theirs}
    return PAGE | {name + end for name, kind in kinds.items() for end in SUFFIXES[kind]}


async def test_no_panel_or_rule_asks_for_a_metric_that_does_not_exist():
    recorded = {rule["record"] for rule in RULE_LIST if "record" in rule}
    known = exported() | recorded | DCGM
    for expr in (*(asked.expr for asked in queries()), *(rule["expr"] for rule in RULE_LIST)):
        assert set(NAME.findall(expr)) <= known, expr


async def test_every_metric_is_on_a_panel():
    shown = {name for asked in queries() for name in NAME.findall(asked.expr)}
    stems = {re.sub(r"_(bucket|sum|count)$", "", name) for name in shown}
    missing = {re.sub(r"_(bucket|sum|count)$", "", name) for name in exported()} - stems
    assert missing == set()


def test_the_generated_files_have_not_drifted():
    assert drifted(FILES) == ()


@pytest.mark.parametrize("panel", PANELS)
def test_a_panel_has_a_title_a_unit_a_description_and_the_chosen_source(panel):
    assert panel["title"]
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["targets"]
    for part in (panel, *panel["targets"]):
        assert part["datasource"] == {"type": "prometheus", "uid": "${datasource}"}


@pytest.mark.parametrize("board", documents())
def test_panels_have_ids_of_their_own_and_fill_rows_of_24_columns(board):
    every = [
        one for panel in documents()[board]["panels"] for one in (panel, *panel.get("panels", ()))
    ]
    ids = [panel["id"] for panel in every]
    assert len(ids) == len(set(ids))
    cells = [panel["gridPos"] for panel in every]
    assert all(cell["x"] + cell["w"] <= 24 for cell in cells)
    corners = [(cell["x"], cell["y"]) for cell in cells]
    assert len(corners) == len(set(corners))


@pytest.mark.parametrize("board", documents())
def test_a_dashboard_lets_one_choose_and_leads_to_the_others(board):
    document = documents()[board]
    names = [variable["name"] for variable in document["templating"]["list"]]
    assert names == ["datasource", "namespace", "service", "component"]
    used = {name for asked in queries() if asked.board == board for name in variables(asked.expr)}
    assert used <= set(names)
    (link,) = document["links"]
    assert link["type"] == "dashboards"
    assert set(link["tags"]) <= set(document["tags"])
    assert link["includeVars"]
    assert link["keepTime"]


@pytest.mark.parametrize("board", documents())
def test_grafanas_own_model_reads_a_dashboard_and_loses_nothing(board):
    document = documents()[board]
    read = Dashboard.from_json(document)
    assert json.loads(json.dumps(read, cls=JSONEncoder)) == document


def test_a_legend_names_labels_that_its_query_keeps():
    for board, document in documents().items():
        for panel in panels(document):
            for target in panel["targets"]:
                named = set(re.findall(r"{{(\w+)}}", target.get("legendFormat", "")))
                kept = set(re.findall(r"\w+", target["expr"]))
                assert named <= kept, (board, panel["title"])


def variables(expr: str) -> set[str]:
    return set(re.findall(r"\$(?!__)(\w+)", expr))


def test_dashboards_have_ids_that_links_and_imports_can_rely_on():
    assert {name: document["uid"] for name, document in documents().items()} == {
        name: name for name in ("retrieval-operator", "retrieval-overview", "retrieval-predictor")
    }
