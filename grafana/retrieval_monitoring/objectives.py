"""The two objectives that error budgets are counted against, and how fast a budget may burn.

Windows and factors: Google, The Site Reliability Workbook, chapter 5 (alerting on SLOs), table 5-8:
a burn rate of 1 spends exactly the budget of 30 days. Both windows have to burn, the long one so
that the budget is really at risk, the short one so that the alert ends when the trouble does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

BY: Final = "namespace, service, component"


@dataclass(frozen=True, slots=True)
class Objective:
    """A share of good requests to hold over 30 days.

    `record` names the recording rules of its bad share, `bad_share` is PromQL of that share with
    `{window}` where the window belongs.
    """

    name: str
    title: str
    target: float
    record: str
    bad_share: str

    @property
    def budget(self) -> float:
        """The share of requests that may be bad."""
        return round(1 - self.target, 6)

    def recorded(self, window: str) -> str:
        """The recording rule of the bad share over one window."""
        return f"{self.record}:ratio_rate{window}"


@dataclass(frozen=True, slots=True)
class Burn:
    """A pair of windows and the burn rate at which both of them alert."""

    factor: float
    long: str
    short: str
    severity: str


WITHIN_S: Final = 3.0
"""An answer later than this is late: the `withinSeconds` that an object's objective has by default.
A bucket of `retrieval_request_duration_seconds` ends here."""

AVAILABILITY: Final = Objective(
    name="Availability",
    title="requests answered without a fault of the service",
    target=0.999,
    record="component:retrieval_requests_failed",
    bad_share=(
        '(sum by ({by}) (rate(retrieval_requests_total{{code=~"5.."}}[{window}]))'
        " or 0 * sum by ({by}) (rate(retrieval_requests_total[{window}])))"
        " / sum by ({by}) (rate(retrieval_requests_total[{window}]))"
    ),
)
"""A 5xx is the service's fault; 4xx are the caller's, and 429 has an alert of its own."""

LATENCY: Final = Objective(
    name="Latency",
    title=f"requests answered within {WITHIN_S:g} s",
    target=0.99,
    record="component:retrieval_requests_late",
    bad_share=(
        "1 - sum by ({by}) (rate("
        f'retrieval_request_duration_seconds_bucket{{{{le="{WITHIN_S}"}}}}'
        "[{window}]))"
        " / sum by ({by}) (rate(retrieval_request_duration_seconds_count[{window}]))"
    ),
)

OBJECTIVES: Final = (AVAILABILITY, LATENCY)

BURNS: Final = (
    Burn(14.4, "1h", "5m", "critical"),
    Burn(6, "6h", "30m", "critical"),
    Burn(3, "1d", "2h", "warning"),
    Burn(1, "3d", "6h", "warning"),
)

WINDOWS: Final = ("5m", "30m", "1h", "2h", "6h", "1d", "3d")


def bad_share(objective: Objective, window: str) -> str:
    """PromQL of the share of bad requests over a window, by service and component."""
    return objective.bad_share.format(by=BY, window=window)
