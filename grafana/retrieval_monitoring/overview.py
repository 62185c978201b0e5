"""The Overview dashboard: are the services good, how much do they do, and what runs full."""

from __future__ import annotations

from typing import Final

from grafana.retrieval_monitoring.objectives import AVAILABILITY, LATENCY, WITHIN_S, Objective
from grafana.retrieval_monitoring.panels import Kind, Panel, Query, Row, figure
from grafana.retrieval_monitoring.promql import (
    highest,
    increase,
    or_zero,
    quantile,
    rate,
    series,
    summed,
)

_BY: Final = "namespace, service, component"
_NAME: Final = "{{service}} {{component}}"
_REQUESTS: Final = "retrieval_requests_total"
_DURATION: Final = "retrieval_request_duration_seconds"
_FAILED: Final = or_zero(increase(_REQUESTS, code="~5.."), increase(_REQUESTS))
_IN_TIME: Final = increase(f"{_DURATION}_bucket", le=f"{WITHIN_S}")


def _burn(objective: Objective) -> Panel:
    queries = tuple(
        Query(f"{series(objective.recorded(window))} / {objective.budget:g}", f"{_NAME} {window}")
        for window in ("5m", "1h", "6h")
    )
    return Panel(
        f"{objective.name}: budget burn rate",
        f"How many times faster than allowed the error budget is spent; objective "
        f"{objective.target:.1%} of {objective.title} over 30 days. 1 spends it exactly, 14.4 over "
        "an hour spends 2 % of it and pages.",
        "none",
        queries,
        width=12,
    )


_OBJECTIVES: Final = Row(
    "Objectives",
    (
        figure(
            "Answered without a fault",
            "Share of requests of the time shown that ended without a 5xx. Objective "
            f"{AVAILABILITY.target:.1%}.",
            "percentunit",
            f"1 - {_FAILED} / {increase(_REQUESTS)}",
            warn=AVAILABILITY.target,
            alarm=0.99,
        ),
        figure(
            f"Answered within {WITHIN_S:g} s",
            "Share of answered requests of the time shown that took no longer, from the last byte "
            f"of the request to the first of the answer. Objective {LATENCY.target:.0%}.",
            "percentunit",
            f"{_IN_TIME} / {increase(f'{_DURATION}_count')}",
            warn=LATENCY.target,
            alarm=0.9,
        ),
        figure(
            "Requests",
            "Requests a second, whatever their answer.",
            "reqps",
            rate(_REQUESTS),
        ),
        figure(
            "Refused for load",
            "Share of requests of the time shown that got 429 because the queue was full.",
            "percentunit",
            or_zero(increase(_REQUESTS, code="429"), increase(_REQUESTS))
            + f" / {increase(_REQUESTS)}",
            warn=0.001,
            alarm=0.01,
        ),
        figure(
            "p99",
            "99 % of the answers took no longer than this.",
            "s",
            quantile(0.99, _DURATION),
            warn=1,
            alarm=WITHIN_S,
        ),
        figure(
            "Tokens",
            "Tokens computed a second; texts from the cache are not in it.",
            "short",
            rate("retrieval_input_tokens_total"),
        ),
        _burn(AVAILABILITY),
        _burn(LATENCY),
    ),
)

_TRAFFIC: Final = Row(
    "Traffic and errors",
    (
        Panel(
            "Requests by component",
            "Requests a second, whatever their answer.",
            "reqps",
            (Query(rate(_REQUESTS, _BY), _NAME),),
        ),
        Panel(
            "Answers by status",
            "Requests a second by HTTP status. 429: the queue was full. 499: the client left. "
            "503: loading, draining, or the engine died. 504: nobody waited any more.",
            "reqps",
            (Query(rate(_REQUESTS, "code"), "{{code}}"),),
            Kind.STACK,
        ),
        Panel(
            "Not computed, by cause",
            "Requests a second that were not computed to the end, by the error's code.",
            "reqps",
            (Query(rate("retrieval_rejected_total", "component, reason"), "{{reason}}"),),
        ),
        Panel(
            "p50 and p99 by component",
            "From the last byte of a request to the first byte of its answer.",
            "s",
            (
                Query(quantile(0.99, _DURATION, _BY), f"{_NAME} p99"),
                Query(quantile(0.5, _DURATION, _BY), f"{_NAME} p50"),
            ),
            width=12,
            alarm=WITHIN_S,
        ),
        Panel(
            "Tokens by component",
            "Tokens computed a second.",
            "short",
            (Query(rate("retrieval_input_tokens_total", _BY), _NAME),),
            width=12,
        ),
    ),
)

_SATURATION: Final = Row(
    "Saturation",
    (
        Panel(
            "Engine busy",
            "Share of the last ten seconds in which the device computed; the busiest engine of "
            "a component. Near 1 the queue decides the latency: add replicas.",
            "percentunit",
            (Query(highest("retrieval_engine_busy_ratio", _BY), _NAME),),
            highest=1,
        ),
        Panel(
            "Queue wait, p99",
            "From a request's arrival in the engine to the batch that takes its first text.",
            "s",
            (Query(quantile(0.99, "retrieval_queue_wait_seconds", _BY), _NAME),),
        ),
        Panel(
            "Waiting tokens",
            "Tokens that wait for a batch now, over all pods of a component.",
            "short",
            (Query(summed(series("retrieval_queue_tokens"), _BY), _NAME),),
        ),
        Panel(
            "Memory as planned",
            "Measured over planned: device memory reserved by the process on a GPU, resident "
            "memory of all processes on a CPU. The planner promises at most 1.",
            "percentunit",
            (
                Query(
                    f"{summed(series('retrieval_gpu_memory_bytes', kind='reserved'), _BY)}"
                    f" / {summed(series('retrieval_gpu_memory_bytes', kind='planned'), _BY)}",
                    f"{_NAME} GPU",
                ),
                Query(
                    f"({summed(series('retrieval_process_memory_bytes'), _BY)}"
                    f" / ({summed(series('retrieval_gpu_memory_bytes', kind='planned'), _BY)} > 0))"
                    f" unless {summed(series('retrieval_gpu_memory_bytes', kind='total'), _BY)}",
                    f"{_NAME} CPU",
                ),
            ),
            width=12,
            warn=1,
            alarm=1.2,
        ),
        Panel(
            "Engines ready",
            "1 once the largest planned batch has run, 0 while a model loads; the least ready "
            "pod of a component.",
            "none",
            (Query(f"min by ({_BY}) ({series('retrieval_warmup_ready')})", _NAME),),
            width=12,
            highest=1,
        ),
    ),
)

_COMPONENTS: Final = Row(
    "Components",
    (
        Panel(
            "Components",
            "Each component's load and latency now; the dashboard Predictor shows one in depth.",
            "none",
            (
                Query(rate(_REQUESTS, _BY), "requests/s"),
                Query(quantile(0.99, _DURATION, _BY), "p99"),
                Query(quantile(0.99, "retrieval_queue_wait_seconds", _BY), "queue wait p99"),
                Query(highest("retrieval_engine_busy_ratio", _BY), "busy"),
                Query(rate("retrieval_input_tokens_total", _BY), "tokens/s"),
                Query(f"count by ({_BY}) ({series('retrieval_warmup_ready')} == 1)", "ready pods"),
            ),
            Kind.TABLE,
            width=24,
            column_units={
                "requests/s": "reqps",
                "p99": "s",
                "queue wait p99": "s",
                "busy": "percentunit",
                "tokens/s": "short",
            },
        ),
    ),
)

ROWS: Final = (_OBJECTIVES, _TRAFFIC, _SATURATION, _COMPONENTS)
