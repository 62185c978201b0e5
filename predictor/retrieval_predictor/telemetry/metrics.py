"""Every metric of the predictor: names, units and buckets, in one place.

Processes share one folder of memory-mapped files (prometheus_client's multiprocess mode), so any
API worker answers `/metrics` for all of them. A latency is measured in one process: clocks of a
request's two ends never mix. What a process that died has counted stays; its gauges vanish.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, TypeVar

from prometheus_client import Counter, Gauge, Histogram, values
from prometheus_client.metrics import MetricWrapperBase

from retrieval_predictor.telemetry import ledger

if (_folder := os.environ.get(ledger.FOLDER_VARIABLE)) and not ledger.reserve(Path(_folder)):
    values.ValueClass = values.MutexValue

_METRIC = TypeVar("_METRIC", bound=MetricWrapperBase)

_LATENCY_S = (
    *(0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 3.0, 5.0, 10.0, 30.0),
)
_TEXTS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024)
_TOKENS = (16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536, 131072)

requests = Counter(
    "retrieval_requests",
    "Requests answered, by status code.",
    ["model", "task", "protocol", "code"],
)
request_duration_s = Histogram(
    "retrieval_request_duration_seconds",
    "From the last byte of a request to the first byte of its answer.",
    ["model", "task", "protocol"],
    buckets=_LATENCY_S,
)
tokenise_s = Histogram(
    "retrieval_tokenise_seconds",
    "Turning a request's texts into ids.",
    ["model"],
    buckets=_LATENCY_S,
)
queue_wait_s = Histogram(
    "retrieval_queue_wait_seconds",
    "From a request's arrival in the engine to the batch that takes its first text.",
    ["lane"],
    buckets=_LATENCY_S,
)
forward_s = Histogram("retrieval_forward_seconds", "One batch on the device.", buckets=_LATENCY_S)
batch_size = Histogram("retrieval_batch_size", "Texts in a batch.", buckets=_TEXTS)
batch_tokens = Histogram("retrieval_batch_tokens", "Real tokens in a batch.", buckets=_TOKENS)
padding_ratio = Gauge(
    "retrieval_padding_ratio",
    "Share of computed tokens that were padding, in the last batch.",
    multiprocess_mode="livemax",
)
queue_requests = Gauge(
    "retrieval_queue_requests", "Requests that wait for a batch.", multiprocess_mode="livesum"
)
queue_tokens = Gauge(
    "retrieval_queue_tokens", "Tokens that wait for a batch.", multiprocess_mode="livesum"
)
input_tokens = Counter("retrieval_input_tokens", "Tokens computed.", ["model", "task"])
truncated_inputs = Counter("retrieval_truncated_inputs", "Texts that were cut.", ["model", "task"])
rejected = Counter("retrieval_rejected", "Requests not computed to the end, by cause.", ["reason"])
effective_max_batch_tokens = Gauge(
    "retrieval_effective_max_batch_tokens",
    "Tokens a batch may hold now.",
    multiprocess_mode="livemax",
)
limits_refused = Gauge(
    "retrieval_limits_refused",
    "1 while the limits file cannot be used and older limits are in force.",
    multiprocess_mode="livemax",
)
oom_retries = Counter("retrieval_oom_retries", "Batches that did not fit in device memory.")
cache_hits = Counter("retrieval_cache_hits", "Texts answered without computing them again.")
cache_misses = Counter("retrieval_cache_misses", "Texts that had to be computed.")
busy_ratio = Gauge(
    "retrieval_engine_busy_ratio",
    "Share of the last ten seconds in which the device computed.",
    multiprocess_mode="livemax",
)
gpu_memory_bytes = Gauge(
    "retrieval_gpu_memory_bytes",
    "Device memory: allocated and reserved by the process, peak and total of the device, planned.",
    ["kind"],
    multiprocess_mode="livesum",
)
process_start_s = Gauge(
    "retrieval_process_start_seconds",
    "Unix time at which a process started.",
    ["process"],
    multiprocess_mode="livemax",
)
model_load_s = Gauge(
    "retrieval_model_load_seconds",
    "Time from start to loaded weights.",
    multiprocess_mode="livemax",
)
model_info = Gauge(
    "retrieval_model_info",
    "1, with the facts of the loaded model as labels; 0 for what they were before.",
    ["model", "revision", "precision", "dimensions"],
    multiprocess_mode="livemax",
)
warmup_ready = Gauge(
    "retrieval_warmup_ready",
    "1 once the largest planned batch has run.",
    multiprocess_mode="livemax",
)

_series: dict[tuple[object, ...], Any] = {}


def series(metric: _METRIC, *labels: str) -> _METRIC:
    """`metric.labels(*labels)`, looked up once; label values must be few, such as status codes.

    prometheus_client takes a lock and turns each value into a string, on every call.
    """
    key = (metric, *labels)
    found: _METRIC | None = _series.get(key)
    if found is None:
        found = _series[key] = metric.labels(*labels)
    return found
