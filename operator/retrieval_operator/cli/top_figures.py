"""What a component does: the figures between two pages of its metrics. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from retrieval_operator.cli.top_page import Page, grown, mean, quantile


@dataclass(frozen=True, slots=True)
class Memory:
    """Memory of one component: on a GPU what its process reserved, on a CPU what all hold."""

    kind: str
    measured_bytes: float
    planned_bytes: float
    total_bytes: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """One component between two looks; None where nothing was observed in between."""

    model: str
    precision: str
    is_ready: bool
    requests_per_s: float
    p50_s: float | None
    p99_s: float | None
    wait_p50_s: float | None
    wait_p99_s: float | None
    tokenise_mean_s: float | None
    forward_mean_s: float | None
    batch_texts: float | None
    batch_tokens: float | None
    max_batch_tokens: float
    tokens_per_s: float
    busy_ratio: float
    queue_tokens: float
    refused_per_s: float
    failed_per_s: float
    hit_ratio: float | None
    oom_retries: float
    memory: Memory


def figures(before: Page, after: Page) -> Figures:
    """What happened between two pages of one predictor."""
    elapsed_s = max(after.at_s - before.at_s, 1e-9)
    duration, wait = "retrieval_request_duration_seconds", "retrieval_queue_wait_seconds"

    def rate(name: str) -> float:
        return grown(before, after, name) / elapsed_s

    return Figures(
        model=after.label("retrieval_model_info", "model") or "",
        precision=after.label("retrieval_model_info", "precision") or "",
        is_ready=after.total("retrieval_warmup_ready") > 0,
        requests_per_s=rate("retrieval_requests_total"),
        p50_s=quantile(before, after, duration, 0.5),
        p99_s=quantile(before, after, duration, 0.99),
        wait_p50_s=quantile(before, after, wait, 0.5),
        wait_p99_s=quantile(before, after, wait, 0.99),
        tokenise_mean_s=mean(before, after, "retrieval_tokenise_seconds"),
        forward_mean_s=mean(before, after, "retrieval_forward_seconds"),
        batch_texts=mean(before, after, "retrieval_batch_size"),
        batch_tokens=mean(before, after, "retrieval_batch_tokens"),
        max_batch_tokens=after.total("retrieval_effective_max_batch_tokens"),
        tokens_per_s=rate("retrieval_input_tokens_total"),
        busy_ratio=after.total("retrieval_engine_busy_ratio"),
        queue_tokens=after.total("retrieval_queue_tokens"),
        refused_per_s=rate("retrieval_rejected_total"),
        failed_per_s=_failed(before, after) / elapsed_s,
        hit_ratio=_hit_ratio(before, after),
        oom_retries=after.total("retrieval_oom_retries_total"),
        memory=memory(after),
    )


def memory(page: Page) -> Memory:
    """The memory of the device that the model is on, planned and measured."""
    name = "retrieval_gpu_memory_bytes"
    planned = page.total(name, kind="planned")
    if page.has(name, kind="total"):
        total = page.total(name, kind="total")
        return Memory("VRAM", page.total(name, kind="reserved"), planned, total)
    return Memory("RSS", page.total("retrieval_process_memory_bytes"), planned, None)


def _failed(before: Page, after: Page) -> float:
    name = "retrieval_requests_total"
    codes = {sample.labels["code"] for sample in after.samples.get(name, ())}
    return sum(grown(before, after, name, code=code) for code in codes if code.startswith("5"))


def _hit_ratio(before: Page, after: Page) -> float | None:
    hits = grown(before, after, "retrieval_cache_hits_total")
    looked_up = hits + grown(before, after, "retrieval_cache_misses_total")
    return hits / looked_up if looked_up else None
