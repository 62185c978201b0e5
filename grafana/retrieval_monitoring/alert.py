"""One alert: when it fires, how bad that is, what it says, and the runbook that helps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

RUNBOOKS: Final = "docs/runbooks"
"""Where the runbooks lie, from the root of the repository; the chart can put an address before."""


@dataclass(frozen=True, slots=True)
class Alert:
    """A condition that somebody has to act on; critical wakes a person, warning waits for day.

    `summary` and `description` are Prometheus templates over the labels and the value.
    """

    name: str
    severity: str
    expr: str
    lasting: str
    summary: str
    description: str

    def document(self) -> dict[str, Any]:
        """The rule as Prometheus reads it."""
        return {
            "alert": self.name,
            "expr": self.expr,
            "for": self.lasting,
            "labels": {"severity": self.severity},
            "annotations": {
                "summary": self.summary,
                "description": self.description,
                "runbook_url": f"{RUNBOOKS}/{self.name}.md",
            },
        }
