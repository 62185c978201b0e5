"""The Operator dashboard: what was decided for each service, and whether the operator keeps up.

Every replica of the operator knows every service, so gauges of services are taken once (`max`), and
only the one that leads makes passes.
"""

from __future__ import annotations

from typing import Final

from grafana.retrieval_monitoring.panels import Kind, Panel, Query, Row, figure
from grafana.retrieval_monitoring.promql import highest, series, summed

_RATE: Final = "$__rate_interval"
_NAME: Final = "{{namespace}}/{{service}} {{component}}"
_COMPONENT: Final = "namespace, service, component"
_CONDITION: Final = "retrieval_operator_condition"


def _of_services(metric: str, **matchers: str) -> str:
    """A gauge of the chosen services' objects; these have no component."""
    return series(metric, **matchers).replace(',component=~"$component"', "")


def _rate(metric: str, by: str) -> str:
    return summed(f"rate({metric}[{_RATE}])", by)


_STATE: Final = Row(
    "Services",
    (
        figure(
            "Services",
            "RetrievalServices that are followed, in all namespaces.",
            "none",
            "max(retrieval_operator_services)",
        ),
        figure(
            "Not ready",
            "Chosen services whose condition Ready is not True.",
            "none",
            f"count(max by (namespace, service) "
            f"({_of_services(_CONDITION, type='Ready')}) < 1) or vector(0)",
            alarm=1,
        ),
        figure(
            "Leaders",
            "Replicas of the operator that lead; anything but 1 for longer than a change of "
            "leader is wrong.",
            "none",
            "sum(retrieval_operator_leader)",
            warn=1,
            alarm=0.5,
        ),
        figure(
            "Nodes",
            "Nodes whose GPUs the planner knows.",
            "none",
            "max(retrieval_operator_nodes)",
        ),
        figure(
            "Watch silence",
            "Age of the last thing heard from the API server, of the replica that waits longest.",
            "s",
            "max(retrieval_operator_watch_silence_seconds)",
            warn=120,
            alarm=600,
        ),
        figure(
            "Oldest wait",
            "How long the service that waits longest has waited for its pass.",
            "s",
            "max(retrieval_operator_queue_oldest_seconds)",
            warn=30,
            alarm=300,
        ),
        Panel(
            "Conditions",
            "Every condition of every chosen service: 1 True, 0 False, -1 Unknown. Reason and "
            "message are on the object: `kubectl describe rsvc`.",
            "none",
            (Query(f"max by (namespace, service, type) ({_of_services(_CONDITION)})"),),
            Kind.TABLE,
            width=12,
        ),
        Panel(
            "Pods",
            "Pods of each component: desired by the object, of the newest version, ready.",
            "none",
            (
                Query(
                    highest("retrieval_operator_replicas", f"{_COMPONENT}, state"),
                    f"{_NAME} {{{{state}}}}",
                ),
            ),
            width=12,
        ),
    ),
)

_PLANS: Final = Row(
    "Plans",
    (
        Panel(
            "Planned memory, share of what is there",
            "Memory that a pod is planned to take over the memory found for it.",
            "percentunit",
            (
                Query(
                    f"{highest('retrieval_operator_planned_memory_bytes', f'{_COMPONENT}, memory')}"
                    f" / {highest('retrieval_operator_available_memory_bytes', f'{_COMPONENT}, memory')}",  # noqa: E501
                    f"{_NAME} {{{{memory}}}}",
                ),
            ),
            warn=0.95,
            alarm=1,
        ),
        Panel(
            "Planned memory of a pod",
            "Memory that a pod is planned to take, of its GPU and of its host.",
            "bytes",
            (
                Query(
                    highest("retrieval_operator_planned_memory_bytes", f"{_COMPONENT}, memory"),
                    f"{_NAME} {{{{memory}}}}",
                ),
            ),
        ),
        Panel(
            "Planned batch",
            "Real tokens of one planned forward pass; a step is a new plan and a rollout.",
            "short",
            (Query(highest("retrieval_operator_planned_max_batch_tokens", _COMPONENT), _NAME),),
        ),
    ),
)

_PASSES: Final = Row(
    "Passes",
    (
        Panel(
            "Passes by result",
            "Passes a second. retried: the API server was away or a write conflicted. refused: "
            "it took our change for wrong. lost: another replica leads. failed: a bug.",
            "ops",
            (Query(_rate("retrieval_operator_reconcile_total", "result"), "{{result}}"),),
            Kind.STACK,
        ),
        Panel(
            "Time of a pass",
            "From taking a service out of the queue to its written status.",
            "s",
            tuple(
                Query(
                    f"histogram_quantile({q}, "
                    + _rate("retrieval_operator_reconcile_duration_seconds_bucket", "le")
                    + ")",
                    f"p{q * 100:g}",
                )
                for q in (0.99, 0.5)
            ),
        ),
        Panel(
            "Queue",
            "Services that wait for a pass, wait for their time, or are being passed over.",
            "none",
            (
                Query("max(retrieval_operator_queue_depth)", "waiting"),
                Query("max(retrieval_operator_queue_delayed)", "delayed"),
                Query("max(retrieval_operator_queue_running)", "running"),
            ),
        ),
        Panel(
            "Objects applied",
            "Objects a second that a pass changed, found unchanged, failed to change, or pruned. "
            "Steady `applied` means that somebody else writes to the same fields.",
            "ops",
            (
                Query(
                    _rate("retrieval_operator_applied_objects_total", "kind, result"),
                    "{{kind}} {{result}}",
                ),
            ),
        ),
        Panel(
            "Requests to the API server",
            "Requests a second besides the watch, by method and code; 0 is no answer.",
            "reqps",
            (
                Query(
                    _rate("retrieval_operator_api_requests_total", "method, code"),
                    "{{method}} {{code}}",
                ),
            ),
        ),
        Panel(
            "Statuses written",
            "Statuses written a second; a status that says the same is not written.",
            "ops",
            (Query("sum(rate(retrieval_operator_status_writes_total[$__rate_interval]))"),),
        ),
        Panel(
            "Put into the queue, and retried",
            "Services put into the queue and passes repeated after a failure, over the time shown.",
            "none",
            (
                Query("sum(delta(retrieval_operator_queue_added[$__range]))", "added"),
                Query("sum(delta(retrieval_operator_queue_retried[$__range]))", "retried"),
            ),
            width=12,
        ),
        Panel(
            "Times that everything was listed",
            "Each step is a watch that started over; many steps are a bad connection.",
            "none",
            (Query("max(retrieval_operator_watch_runs)", "lists"),),
            width=12,
        ),
        Panel(
            "Collections that may not be followed",
            "A kind in a namespace without rights, or that is gone; the others are followed.",
            "none",
            (Query("max(retrieval_operator_watch_gaps)", "gaps"),),
            width=12,
        ),
    ),
)

ROWS: Final = (_STATE, _PLANS, _PASSES)
