"""Recording and alert rules as values, and their two forms: a rule file and a PrometheusRule.

Sources: Prometheus documentation (recording rules, alerting rules); PrometheusRule of the
prometheus-operator API, monitoring.coreos.com/v1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import yaml

from grafana.retrieval_monitoring import operator_alerts, predictor_alerts
from grafana.retrieval_monitoring.alert import Alert
from grafana.retrieval_monitoring.objectives import BY, OBJECTIVES, WINDOWS, bad_share

NOTICE: Final = "# Written by `make generate` from grafana/retrieval_monitoring; change that.\n"


@dataclass(frozen=True, slots=True)
class Record:
    """A series that is computed once, for graphs and for alerts over days."""

    name: str
    expr: str

    def document(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        return {"record": self.name, "expr": self.expr}


@dataclass(frozen=True, slots=True)
class Group:
    """Rules evaluated one after another, every `interval`."""

    name: str
    interval: str
    rules: tuple[Record | Alert, ...]

    def document(self) -> dict[str, Any]:
        """The group as Prometheus reads it."""
        listed = [rule.document() for rule in self.rules]
        return {"name": self.name, "interval": self.interval, "rules": listed}


def _quantile(q: float, histogram: str) -> str:
    return f"histogram_quantile({q}, sum by (le, {BY}) (rate({histogram}_bucket[5m])))"


_RATES: Final = (
    Record(
        "component:retrieval_requests:rate5m", f"sum by ({BY}) (rate(retrieval_requests_total[5m]))"
    ),
    Record(
        "component:retrieval_input_tokens:rate5m",
        f"sum by ({BY}) (rate(retrieval_input_tokens_total[5m]))",
    ),
    Record(
        "component:retrieval_request_duration_seconds:p99_5m",
        _quantile(0.99, "retrieval_request_duration_seconds"),
    ),
    Record(
        "component:retrieval_queue_wait_seconds:p99_5m",
        _quantile(0.99, "retrieval_queue_wait_seconds"),
    ),
)
_SHARES: Final = tuple(
    Record(objective.recorded(window), bad_share(objective, window))
    for objective in OBJECTIVES
    for window in WINDOWS
)

GROUPS: Final = (
    Group("retrieval-rates", "30s", _RATES),
    Group("retrieval-objectives", "30s", _SHARES),
    Group("retrieval-predictor", "30s", predictor_alerts.ALERTS),
    Group("retrieval-operator", "30s", operator_alerts.ALERTS),
)

ALERTS: Final = (*predictor_alerts.ALERTS, *operator_alerts.ALERTS)


def rule_file() -> str:
    """The rules as a file for `rule_files` of a plain Prometheus."""
    return NOTICE + _yaml({"groups": [group.document() for group in GROUPS]})


def prometheus_rule() -> str:
    """The rules as an object for the Prometheus operator."""
    return NOTICE + _yaml(
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {
                "name": "retrieval-service",
                "labels": {"app.kubernetes.io/part-of": "retrieval-service"},
            },
            "spec": {"groups": [group.document() for group in GROUPS]},
        }
    )


def _yaml(document: Mapping[str, Any]) -> str:
    return yaml.safe_dump(document, sort_keys=False, width=100, allow_unicode=True)
