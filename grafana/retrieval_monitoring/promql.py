"""Pieces of PromQL for dashboard panels: every one is scoped by the dashboard's variables. Pure.

Rates are summed before a ratio or a quantile is taken, so that any number of pods and processes is
right: an average of averages, or of p99s, is not.
"""

from __future__ import annotations

from typing import Final

WINDOW: Final = "$__rate_interval"
"""Grafana's window: at least four scrapes, and at least one step of the graph."""

RANGE: Final = "$__range"
"""Grafana's window for figures over the whole time range shown."""

SCOPE: Final = ("namespace", "service", "component")
"""The labels that a PodMonitor of the operator gives to every series, and the variables' names."""


def series(metric: str, **matchers: str) -> str:
    """A selector of the chosen services; a matcher value that starts with `~` is a pattern."""
    chosen = [f'{name}=~"${name}"' for name in SCOPE]
    return f"{metric}{{{','.join([*chosen, *map(_matcher, matchers, matchers.values())])}}}"


def rate(metric: str, by: str = "", window: str = WINDOW, **matchers: str) -> str:
    """How much a counter grows each second, summed over everything but `by`."""
    return summed(f"rate({series(metric, **matchers)}[{window}])", by)


def increase(metric: str, by: str = "", **matchers: str) -> str:
    """How much a counter grew over the time shown."""
    return summed(f"increase({series(metric, **matchers)}[{RANGE}])", by)


def mean(histogram: str, by: str = "", **matchers: str) -> str:
    """The mean of a histogram's observations."""
    total = rate(f"{histogram}_sum", by, **matchers)
    return f"{total} / {rate(f'{histogram}_count', by, **matchers)}"


def quantile(q: float, histogram: str, by: str = "", **matchers: str) -> str:
    """A quantile of a histogram, interpolated inside its bucket."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({q}, {rate(f'{histogram}_bucket', labels, **matchers)})"


def buckets(histogram: str) -> str:
    """Observations by bucket, for a heat map of counts."""
    return summed(f"increase({series(f'{histogram}_bucket')}[{WINDOW}])", "le")


def summed(expression: str, by: str = "") -> str:
    """A sum, over everything or by labels."""
    return f"sum by ({by}) ({expression})" if by else f"sum({expression})"


def highest(metric: str, by: str, **matchers: str) -> str:
    """The largest value of a gauge among the pods."""
    return f"max by ({by}) ({series(metric, **matchers)})"


def or_zero(part: str, whole: str) -> str:
    """`part`, or 0 where `whole` has a value: a counter appears with its first count."""
    return f"({part} or 0 * {whole})"


def _matcher(name: str, value: str) -> str:
    return f'{name}=~"{value[1:]}"' if value.startswith("~") else f'{name}="{value}"'
