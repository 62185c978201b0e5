"""What a search service counts beside the predictor's own metrics."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

_LATENCY_S = (
    *(0.0001, 0.00025, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05),
    *(0.1, 0.2, 0.5, 1.0, 2.0, 5.0),
)

stage_s = Histogram(
    "retrieval_search_stage_seconds",
    "Where the time of a query went: embed, queue, dense, words, passages, rerank.",
    ["stage"],
    buckets=_LATENCY_S,
)
batch_size = Histogram(
    "retrieval_search_batch_size",
    "Queries that were searched together.",
    buckets=(1, 2, 4, 8, 16, 32, 64, 128),
)
waiting = Gauge(
    "retrieval_search_waiting", "Queries that wait for the index.", multiprocess_mode="livesum"
)
version = Gauge(
    "retrieval_search_index_version", "The version that is served.", multiprocess_mode="livemax"
)
passages = Gauge("retrieval_search_index_passages", "Passages in it.", multiprocess_mode="livemax")
index_bytes = Gauge("retrieval_search_index_bytes", "Bytes of it.", multiprocess_mode="livemax")
refused_versions = Counter(
    "retrieval_search_refused_versions", "Versions that could not be served, by cause.", ["reason"]
)
not_reranked = Counter(
    "retrieval_search_not_reranked", "Answers without the reranker that should have had it."
)
