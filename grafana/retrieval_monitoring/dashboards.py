"""The three dashboards as Grafana JSON: rows, variables, and links between them."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Final

from grafana_foundation_sdk.builders import dashboard as parts
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models import dashboard

from grafana.retrieval_monitoring import operator, overview, predictor
from grafana.retrieval_monitoring.panels import DATASOURCE, Row, build

TAG: Final = "retrieval"
ANY: Final = ".*"
"""What "All" stands for: a pattern that also matches series without the label."""


@dataclass(frozen=True, slots=True)
class Variable:
    """A choice at the top of a dashboard: the values of a label of a metric."""

    name: str
    query: str
    description: str


@dataclass(frozen=True, slots=True)
class Page:
    """One dashboard; its file and its uid are `retrieval-{slug}`."""

    slug: str
    title: str
    description: str
    variables: tuple[Variable, ...]
    rows: tuple[Row, ...]

    @property
    def uid(self) -> str:
        """The stable id that links and imports use."""
        return f"retrieval-{self.slug}"


_SERVED: Final = "retrieval_warmup_ready"
_NAMESPACE: Final = Variable(
    "namespace", f"label_values({_SERVED}, namespace)", "Namespace of the RetrievalService."
)
_SERVICE: Final = Variable(
    "service",
    f'label_values({_SERVED}{{namespace=~"$namespace"}}, service)',
    "Name of the RetrievalService.",
)
_COMPONENT: Final = Variable(
    "component",
    f'label_values({_SERVED}{{namespace=~"$namespace",service=~"$service"}}, component)',
    "embedder or reranker.",
)
_SERVED_VARIABLES: Final = (_NAMESPACE, _SERVICE, _COMPONENT)
_DECIDED: Final = "retrieval_operator_replicas"
_DECIDED_VARIABLES: Final = tuple(
    replace(one, query=one.query.replace(_SERVED, _DECIDED)) for one in _SERVED_VARIABLES
)
"""The operator also knows services that no pod runs for."""

PAGES: Final = (
    Page(
        "overview",
        "Retrieval / Overview",
        "Objectives, traffic, errors and saturation of every retrieval service.",
        _SERVED_VARIABLES,
        overview.ROWS,
    ),
    Page(
        "predictor",
        "Retrieval / Predictor",
        "Where the time of a component's requests goes, and what its engine makes of the device.",
        _SERVED_VARIABLES,
        predictor.ROWS,
    ),
    Page(
        "operator",
        "Retrieval / Operator",
        "What the operator decided, whether it keeps up, and the state of every RetrievalService.",
        _DECIDED_VARIABLES,
        operator.ROWS,
    ),
)


def rendered(page: Page) -> str:
    """The dashboard's JSON, keys sorted, so that a change shows as a small difference."""
    made = build_page(page)
    return json.dumps(made, cls=JSONEncoder, indent=2, sort_keys=True, ensure_ascii=False) + "\n"


def build_page(page: Page) -> dashboard.Dashboard:
    """The dashboard as the SDK's model."""
    made = (
        parts.Dashboard(page.title)
        .uid(page.uid)
        .description(page.description)
        .tags([TAG])
        .timezone("browser")
        .refresh("30s")
        .time("now-1h", "now")
        .tooltip(dashboard.DashboardCursorSync.CROSSHAIR)
        .editable()
        .link(_links())
        .with_variable(parts.DatasourceVariable("datasource").type("prometheus").label("source"))
    )
    for variable in page.variables:
        made = made.with_variable(_choice(variable))
    for row in page.rows:
        made = _add(made, row)
    return _numbered(made.build())


def _add(made: parts.Dashboard, row: Row) -> parts.Dashboard:
    titled = parts.Row(row.title).collapsed(row.collapsed)
    if row.collapsed:
        for panel in row.panels:
            titled = titled.with_panel(build(panel))
        return made.with_row(titled)
    made = made.with_row(titled)
    for panel in row.panels:
        made = made.with_panel(build(panel))
    return made


def _choice(variable: Variable) -> parts.QueryVariable:
    every = dashboard.VariableOption(text="All", value="$__all", selected=True)
    return (
        parts.QueryVariable(variable.name)
        .description(variable.description)
        .datasource(DATASOURCE)
        .query({"query": variable.query, "refId": variable.name})
        .refresh(dashboard.VariableRefresh.ON_TIME_RANGE_CHANGED)
        .sort(dashboard.VariableSort.ALPHABETICAL_ASC)
        .multi(True)  # noqa: FBT003  (the SDK's signature)
        .include_all(True)  # noqa: FBT003
        .all_value(ANY)
        .current(every)
    )


def _links() -> parts.DashboardLink:
    """One link to each of our dashboards, found by tag; time and variables go along."""
    return (
        parts.DashboardLink("Retrieval")
        .type(dashboard.DashboardLinkType.DASHBOARDS)
        .tags([TAG])
        .include_vars(True)  # noqa: FBT003  (the SDK's signature)
        .keep_time(True)  # noqa: FBT003
    )


def _numbered(made: dashboard.Dashboard) -> dashboard.Dashboard:
    """Panel ids in order: links to a panel hold as long as the order does."""
    number = 0
    for panel in made.panels or []:
        inner = panel.panels if isinstance(panel, dashboard.RowPanel) else []
        for one in (panel, *inner):
            number += 1
            one.id_val = number
    return made
