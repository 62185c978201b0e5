"""The Predictor dashboard: where a request's time goes, and what the engine makes of its device."""

from __future__ import annotations

from typing import Final

from grafana.retrieval_monitoring import device
from grafana.retrieval_monitoring.panels import Kind, Panel, Query, Row
from grafana.retrieval_monitoring.promql import (
    buckets,
    highest,
    increase,
    mean,
    quantile,
    rate,
    series,
    summed,
)

_DURATION: Final = "retrieval_request_duration_seconds"
_TOKENISE: Final = "retrieval_tokenise_seconds"
_QUEUE: Final = "retrieval_queue_wait_seconds"
_FORWARD: Final = "retrieval_forward_seconds"
_REQUESTS: Final = "retrieval_requests_total"
_ANSWERS: Final = rate(f"{_DURATION}_count")


def _share(histogram: str) -> str:
    """Seconds of each answered request spent in one part."""
    return f"{rate(f'{histogram}_sum')} / {_ANSWERS}"


def _quantiles(histogram: str, by: str = "", legend: str = "") -> tuple[Query, ...]:
    named = f"{legend} " if legend else ""
    return tuple(
        Query(quantile(q, histogram, by), f"{named}p{q * 100:g}") for q in (0.99, 0.9, 0.5)
    )


_TIME: Final = Row(
    "Where the time goes",
    (
        Panel(
            "Parts of the mean latency",
            "Mean seconds of an answered request, part by part; the stack is the whole. "
            "Tokenising runs in the API worker, the wait is until a batch takes the first text, "
            "the rest is the device, the further batches of a long request, and the answer.",
            "s",
            (
                Query(_share(_TOKENISE), "tokenise"),
                Query(_share(_QUEUE), "queue wait"),
                Query(
                    f"clamp_min(({rate(f'{_DURATION}_sum')} - {rate(f'{_TOKENISE}_sum')}"
                    f" - {rate(f'{_QUEUE}_sum')}) / {_ANSWERS}, 0)",
                    "device and answer",
                ),
            ),
            Kind.STACK,
            width=12,
        ),
        Panel(
            "Request duration",
            "From the last byte of a request to the first byte of its answer.",
            "s",
            _quantiles(_DURATION),
            width=12,
        ),
        Panel(
            "Queue wait by lane, p99 and mean",
            "From a request's arrival in the engine to the batch that takes its first text. Short "
            "requests have a lane of their own: a large one delays them by a batch at most.",
            "s",
            (
                Query(quantile(0.99, _QUEUE, "lane"), "{{lane}} p99"),
                Query(mean(_QUEUE, "lane"), "{{lane}} mean"),
            ),
        ),
        Panel(
            "Tokenise",
            "Turning a request's texts into ids, in an API worker.",
            "s",
            _quantiles(_TOKENISE),
        ),
        Panel(
            "Forward pass",
            "One batch on the device.",
            "s",
            (*_quantiles(_FORWARD), Query(mean(_FORWARD), "mean")),
        ),
    ),
)

_BATCHES: Final = Row(
    "Batches",
    (
        Panel(
            "Texts in a batch",
            "Batches by their number of texts. Dark cells at the bottom: the device is not full.",
            "short",
            (Query(buckets("retrieval_batch_size"), "{{le}}"),),
            Kind.HEATMAP,
        ),
        Panel(
            "Tokens in a batch",
            "Batches by their real tokens, padding not counted.",
            "short",
            (Query(buckets("retrieval_batch_tokens"), "{{le}}"),),
            Kind.HEATMAP,
        ),
        Panel(
            "Mean batch",
            "Mean texts and tokens of a batch.",
            "short",
            (
                Query(mean("retrieval_batch_tokens"), "tokens"),
                Query(mean("retrieval_batch_size"), "texts"),
            ),
        ),
        Panel(
            "How full a batch is",
            "Mean tokens of a batch over the tokens it may hold. Full batches and a long queue: "
            "more replicas. Empty batches and a long queue: the device waits for something else.",
            "percentunit",
            (
                Query(
                    f"{mean('retrieval_batch_tokens')}"
                    f" / max({series('retrieval_effective_max_batch_tokens')})",
                    "full",
                ),
            ),
            highest=1,
        ),
        Panel(
            "Padding",
            "Share of computed tokens that were padding in the last batch; 0 where batches are "
            "packed without padding.",
            "percentunit",
            (Query(highest("retrieval_padding_ratio", "pod"), "{{pod}}"),),
            highest=1,
        ),
        Panel(
            "Tokens a batch may hold",
            "The planned budget; it halves after a batch that did not fit in device memory.",
            "short",
            (Query(highest("retrieval_effective_max_batch_tokens", "pod"), "{{pod}}"),),
        ),
    ),
)

_QUEUE_ROW: Final = Row(
    "Queue and admission",
    (
        Panel(
            "Waiting requests",
            "Requests that wait for a batch now.",
            "short",
            (Query(summed(series("retrieval_queue_requests"), "pod"), "{{pod}}"),),
            width=6,
        ),
        Panel(
            "Waiting tokens",
            "Tokens that wait for a batch now; above `maxQueueTokens` a lane refuses with 429.",
            "short",
            (Query(summed(series("retrieval_queue_tokens"), "pod"), "{{pod}}"),),
            width=6,
        ),
        Panel(
            "Not computed, by cause",
            "Requests a second that were not computed to the end. overloaded: the queue was "
            "full. deadline_exceeded, cancelled: the caller stopped waiting.",
            "reqps",
            (Query(rate("retrieval_rejected_total", "reason"), "{{reason}}"),),
            Kind.STACK,
            width=6,
        ),
        Panel(
            "Limits that were refused",
            "1 while the mounted limits cannot be used and older ones are in force; the "
            "predictor's log says what is wrong with them.",
            "none",
            (Query(highest("retrieval_limits_refused", "pod"), "{{pod}}"),),
            width=6,
            alarm=1,
            highest=1,
        ),
    ),
)

_WORK: Final = Row(
    "Work",
    (
        Panel(
            "Requests by protocol and status",
            "Requests a second.",
            "reqps",
            (Query(rate(_REQUESTS, "protocol, code"), "{{protocol}} {{code}}"),),
            Kind.STACK,
        ),
        Panel(
            "Tokens",
            "Tokens computed a second.",
            "short",
            (Query(rate("retrieval_input_tokens_total", "pod"), "{{pod}}"),),
            Kind.STACK,
        ),
        Panel(
            "Cache hits",
            "Share of texts answered without computing them again.",
            "percentunit",
            (
                Query(
                    f"{rate('retrieval_cache_hits_total')} / ({rate('retrieval_cache_hits_total')}"
                    f" + {rate('retrieval_cache_misses_total')})",
                    "hits",
                ),
            ),
            highest=1,
        ),
        Panel(
            "Texts that were cut",
            "Texts a second that were longer than `maxInputTokens`. Their tail is not in the "
            "vector or score.",
            "short",
            (Query(rate("retrieval_truncated_inputs_total", "task"), "{{task}}"),),
            width=12,
        ),
        Panel(
            "Batches that did not fit",
            "Batches of the time shown that ran out of device memory, were halved and run again.",
            "short",
            (Query(increase("retrieval_oom_retries_total", "pod"), "{{pod}}"),),
            width=12,
            alarm=1,
        ),
    ),
)

ROWS: Final = (_TIME, _BATCHES, _QUEUE_ROW, _WORK, *device.ROWS)
