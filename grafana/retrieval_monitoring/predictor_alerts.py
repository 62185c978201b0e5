"""Alerts on what predictors measure: budgets that burn, full queues, full memory, no model."""

from __future__ import annotations

from typing import Final

from grafana.retrieval_monitoring.alert import Alert
from grafana.retrieval_monitoring.objectives import (
    AVAILABILITY,
    BURNS,
    BY,
    LATENCY,
    WITHIN_S,
    Burn,
    Objective,
)

_WHO: Final = "{{ $labels.namespace }}/{{ $labels.service }} {{ $labels.component }}"
_POD: Final = "{{ $labels.namespace }}/{{ $labels.pod }}"
_SHARE: Final = "{{ $value | humanizePercentage }}"
_SECONDS: Final = "{{ $value | humanizeDuration }}"


def _burning(objective: Objective, name: str, severity: str) -> Alert:
    burns = [burn for burn in BURNS if burn.severity == severity]
    first = burns[0]
    return Alert(
        name,
        severity,
        "\nor\n".join(_both(objective, burn) for burn in burns),
        "2m" if severity == "critical" else "15m",
        f"{_WHO} misses its objective",
        f"{_SHARE} of requests were not {objective.title.removeprefix('requests ')}; the objective "
        f"is {objective.target:.1%} over 30 days, and at {first.factor:g} times the allowed rate "
        "the budget does not last.",
    )


def _both(objective: Objective, burn: Burn) -> str:
    limit = f"{burn.factor:g} * {objective.budget:g}"
    return (
        f"({objective.recorded(burn.long)} > {limit}"
        f" and {objective.recorded(burn.short)} > {limit})"
    )


ALERTS: Final = (
    _burning(AVAILABILITY, "RetrievalErrorBudgetBurnsFast", "critical"),
    _burning(AVAILABILITY, "RetrievalErrorBudgetBurnsSlowly", "warning"),
    _burning(LATENCY, "RetrievalLatencyBudgetBurnsFast", "critical"),
    _burning(LATENCY, "RetrievalLatencyBudgetBurnsSlowly", "warning"),
    Alert(
        "RetrievalLatencyP99High",
        "warning",
        f"component:retrieval_request_duration_seconds:p99_5m > {WITHIN_S:g}",
        "15m",
        f"{_WHO} answers slowly",
        f"1 % of the answers take longer than {_SECONDS}; the objective is {WITHIN_S:g} s.",
    ),
    Alert(
        "RetrievalQueueSaturated",
        "warning",
        f'1 - sum by ({BY}) (rate(retrieval_queue_wait_seconds_bucket{{le="1.0"}}[5m]))'
        f" / sum by ({BY}) (rate(retrieval_queue_wait_seconds_count[5m])) > 0.05",
        "10m",
        f"{_WHO} has more work than its device does",
        f"{_SHARE} of requests waited longer than 1 s for a batch.",
    ),
    Alert(
        "RetrievalRequestsRefused",
        "warning",
        f'sum by ({BY}) (rate(retrieval_requests_total{{code="429"}}[5m]))'
        f" / sum by ({BY}) (rate(retrieval_requests_total[5m])) > 0.01",
        "5m",
        f"{_WHO} refuses requests",
        f"{_SHARE} of requests got 429 because the queue was full.",
    ),
    Alert(
        "RetrievalGpuMemoryNearLimit",
        "warning",
        'max by (namespace, service, component, pod) (retrieval_gpu_memory_bytes{kind="peak"})'
        " / max by (namespace, service, component, pod)"
        ' (retrieval_gpu_memory_bytes{kind="total"}) > 0.95',
        "10m",
        f"the GPU of {_POD} is nearly full",
        f"{_SHARE} of the device memory is in use; the next large batch may not fit.",
    ),
    Alert(
        "RetrievalOutOfMemoryRetries",
        "warning",
        "sum by (namespace, service, component, pod)"
        " (increase(retrieval_oom_retries_total[15m])) > 0",
        "0m",
        f"batches of {_POD} did not fit in device memory",
        "{{ $value | humanize }} batches of the last 15 minutes ran out of memory, were halved "
        "and run again; the predictor goes on with smaller batches.",
    ),
    Alert(
        "RetrievalModelLoadStuck",
        "critical",
        "max by (namespace, service, component, pod) (retrieval_warmup_ready) == 0",
        "20m",
        f"{_POD} has been loading its model for 20 minutes",
        "The predictor answers, its model does not: it is still being read, or it was never warm.",
    ),
    Alert(
        "RetrievalPredictorDown",
        "critical",
        'max by (namespace, service, component, pod) (up{component=~"embedder|reranker"}) == 0',
        "5m",
        f"{_POD} cannot be scraped",
        "Prometheus gets no metrics from a predictor that should run: it hangs, or its network "
        "is cut.",
    ),
)
