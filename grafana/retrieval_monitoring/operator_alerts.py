"""Alerts on what the operator says about services, and on the operator itself."""

from __future__ import annotations

from typing import Final

from grafana.retrieval_monitoring.alert import Alert

_SERVICE: Final = "{{ $labels.namespace }}/{{ $labels.service }}"
_WHO: Final = f"{_SERVICE} {{{{ $labels.component }}}}"
_LOOK: Final = "kubectl describe rsvc -n {{ $labels.namespace }} {{ $labels.service }}"


def _condition(kind: str) -> str:
    return f'max by (namespace, service) (retrieval_operator_condition{{type="{kind}"}})'


def _pods(state: str) -> str:
    return (
        f'max by (namespace, service, component) (retrieval_operator_replicas{{state="{state}"}})'
    )


ALERTS: Final = (
    Alert(
        "RetrievalServiceNotReady",
        "warning",
        f"{_condition('Ready')} < 1 unless "
        'min by (namespace, service) (retrieval_operator_replicas{state="desired"}) == 0',
        "15m",
        f"{_SERVICE} is not ready",
        f"Its condition Ready has not been True for 15 minutes; `{_LOOK}` says why.",
    ),
    Alert(
        "RetrievalComponentDown",
        "critical",
        f"{_pods('ready')} == 0 and {_pods('desired')} > 0",
        "10m",
        f"{_WHO} has no ready pod",
        f"Nobody answers its requests; `{_LOOK}` says why.",
    ),
    Alert(
        "RetrievalServiceDegraded",
        "warning",
        f"{_condition('Degraded')} == 1",
        "15m",
        f"{_SERVICE} needs attention",
        f"Something stands in the way of what the object asks for; `{_LOOK}` says what.",
    ),
    Alert(
        "RetrievalRolloutStuck",
        "warning",
        f"{_pods('updated')} < {_pods('desired')}",
        "30m",
        f"the rollout of {_WHO} does not end",
        "{{ $value }} of its pods have the newest version, and that has not changed for half an "
        "hour; the old pods go on answering.",
    ),
    Alert(
        "RetrievalOperatorAbsent",
        "warning",
        "absent(retrieval_operator_leader == 1)",
        "5m",
        "no retrieval operator leads",
        "Running services go on answering; changes, repairs and new services wait.",
    ),
    Alert(
        "RetrievalOperatorStalled",
        "warning",
        "max(retrieval_operator_queue_oldest_seconds) > 300"
        " or max(retrieval_operator_watch_silence_seconds) > 600",
        "5m",
        "the retrieval operator does not keep up",
        "A service waits, or nothing was heard from the API server, for "
        "{{ $value | humanizeDuration }}.",
    ),
    Alert(
        "RetrievalOperatorPassesFail",
        "warning",
        'sum(rate(retrieval_operator_reconcile_total{result=~"failed|refused"}[15m]))'
        " / sum(rate(retrieval_operator_reconcile_total[15m])) > 0.1",
        "15m",
        "passes of the retrieval operator fail",
        "{{ $value | humanizePercentage }} of its passes end in an error or in a change that the "
        "API server refuses.",
    ),
)
