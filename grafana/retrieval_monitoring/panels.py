"""What a panel shows, as plain values, and its Grafana form.

Panels are declared in `overview`, `predictor` and `operator`; only this module and `dashboards`
know the Grafana SDK. Every panel has a title, a unit (Grafana's unit id) and a description.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final

from grafana_foundation_sdk.builders import common as common_parts
from grafana_foundation_sdk.builders import dashboard as dashboard_parts
from grafana_foundation_sdk.builders import heatmap, prometheus, stat, table, timeseries
from grafana_foundation_sdk.models import common, dashboard
from grafana_foundation_sdk.models.heatmap import HeatmapColorMode
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

DATASOURCE: Final = dashboard.DataSourceRef(type_val="prometheus", uid="${datasource}")

Builder = Any
"""A builder of the SDK; its panel builders share methods but no type."""


class Kind(StrEnum):
    """How a panel draws."""

    LINES = "lines"
    STACK = "stack"
    HEATMAP = "heatmap"
    FIGURE = "figure"
    TABLE = "table"


@dataclass(frozen=True, slots=True)
class Query:
    """One expression and the name of its series."""

    expr: str
    legend: str = ""


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel; `warn` and `alarm` colour its values from those on, `unit` is Grafana's."""

    title: str
    description: str
    unit: str
    queries: tuple[Query, ...]
    kind: Kind = Kind.LINES
    width: int = 8
    height: int = 8
    warn: float | None = None
    alarm: float | None = None
    highest: float | None = None
    hidden_columns: tuple[str, ...] = ()
    column_units: Mapping[str, str] = field(default_factory=dict)


def figure(
    title: str,
    description: str,
    unit: str,
    expr: str,
    *,
    warn: float | None = None,
    alarm: float | None = None,
) -> Panel:
    """One number, a sixth of a row wide."""
    return Panel(
        title,
        description,
        unit,
        (Query(expr),),
        Kind.FIGURE,
        width=4,
        height=4,
        warn=warn,
        alarm=alarm,
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A titled row of panels; a collapsed one costs no queries until it is opened."""

    title: str
    panels: tuple[Panel, ...]
    collapsed: bool = False


def build(panel: Panel) -> Builder:
    """The panel as the SDK's builder."""
    made = _DRAWN[panel.kind](panel).title(panel.title).description(panel.description)
    made = made.datasource(DATASOURCE).unit(panel.unit).span(panel.width).height(panel.height)
    if panel.warn is not None or panel.alarm is not None:
        made = made.thresholds(_thresholds(panel))
    for number, query in enumerate(panel.queries):
        made = made.with_target(_target(panel.kind, query, chr(ord("A") + number)))
    return made


def _target(kind: Kind, query: Query, ref_id: str) -> prometheus.Dataquery:
    made = prometheus.Dataquery().expr(query.expr).ref_id(ref_id).datasource(DATASOURCE)
    if query.legend:
        made = made.legend_format(query.legend)
    if kind is Kind.HEATMAP:
        return made.format(PromQueryFormat.HEATMAP).range()
    if kind is Kind.TABLE:
        return made.format(PromQueryFormat.TABLE).instant()
    return made.instant() if kind is Kind.FIGURE else made.range()


def _lines(panel: Panel) -> Builder:
    made = _graph()
    return made if panel.highest is None else made.max(panel.highest)


def _graph() -> Builder:
    legend = (
        common_parts.VizLegendOptions()
        .display_mode(common.LegendDisplayMode.TABLE)
        .placement(common.LegendPlacement.BOTTOM)
        .show_legend(True)  # noqa: FBT003  (the SDK's signature)
        .calcs(["mean", "max", "lastNotNull"])
    )
    tooltip = common_parts.VizTooltipOptions().mode(common.TooltipDisplayMode.MULTI)
    made = timeseries.Panel().legend(legend).tooltip(tooltip).fill_opacity(8).line_width(1)
    return made.min(0).show_points(common.VisibilityMode.NEVER)


def _stack(panel: Panel) -> Builder:
    stacking = common_parts.StackingConfig().mode(common.StackingMode.NORMAL)
    return _lines(panel).stacking(stacking).fill_opacity(40)


def _heatmap(panel: Panel) -> Builder:
    colours = heatmap.HeatmapColorOptions().mode(HeatmapColorMode.SCHEME).scheme("Oranges")
    axis = heatmap.YAxisConfig().unit(panel.unit)
    return heatmap.Panel().color(colours.steps(64)).y_axis(axis)


def _figure(panel: Panel) -> Builder:
    shown = common_parts.ReduceDataOptions().calcs(["lastNotNull"])
    mode = (
        common.BigValueColorMode.NONE
        if panel.warn is None and panel.alarm is None
        else common.BigValueColorMode.VALUE
    )
    graph = common.BigValueGraphMode.NONE
    return stat.Panel().reduce_options(shown).color_mode(mode).graph_mode(graph)


def _table(panel: Panel) -> Builder:
    made = table.Panel()
    if len(panel.queries) > 1:
        made = made.with_transformation(dashboard.DataTransformerConfig("merge", options={}))
    names = {f"Value #{chr(ord('A') + n)}": one.legend for n, one in enumerate(panel.queries)}
    names |= {"Value": panel.queries[0].legend or "value"}
    hidden = dict.fromkeys(("Time", *panel.hidden_columns), True)
    made = made.with_transformation(
        dashboard.DataTransformerConfig(
            "organize", options={"excludeByName": hidden, "renameByName": names}
        )
    )
    for column, unit in panel.column_units.items():
        made = made.override_by_name(column, [dashboard.DynamicConfigValue("unit", unit)])
    return made


def _thresholds(panel: Panel) -> dashboard_parts.ThresholdsConfig:
    """Green below both; where `alarm` is the lower of the two, small values are the bad ones."""
    levels = [(panel.warn, "orange"), (panel.alarm, "red")]
    known = sorted((value, colour) for value, colour in levels if value is not None)
    colours = ["green", *(colour for _, colour in known)]
    if panel.warn is not None and panel.alarm is not None and panel.alarm < panel.warn:
        colours = ["red", "orange", "green"]
    steps = [
        dashboard.Threshold(value=value, color=colour)
        for value, colour in zip([None, *(value for value, _ in known)], colours, strict=True)
    ]
    mode = dashboard.ThresholdsMode.ABSOLUTE
    return dashboard_parts.ThresholdsConfig().mode(mode).steps(steps)


_DRAWN: Final[Mapping[Kind, Callable[[Panel], Builder]]] = {
    Kind.LINES: _lines,
    Kind.STACK: _stack,
    Kind.HEATMAP: _heatmap,
    Kind.FIGURE: _figure,
    Kind.TABLE: _table,
}
