"""Record what the engine does: the only place in it that touches Prometheus."""

from __future__ import annotations

import time
from asyncio import Future
from collections.abc import Callable
from typing import Any

import numpy as np

from retrieval_predictor.engine.busy import Busy
from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.engine.scheduler.queue import Queue
from retrieval_predictor.errors import DeadlineExceeded
from retrieval_predictor.runners.groups import groups_of
from retrieval_predictor.settings import Settings
from retrieval_predictor.telemetry import metrics
from retrieval_predictor.telemetry.memory import DeviceMemory, device_memory
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.work import Batch, Rows


class EngineObserver:
    """Counts batches and knows how busy the device has been lately."""

    def __init__(
        self,
        queue: Queue,
        settings: Settings,
        memory: Callable[[], DeviceMemory | None] = device_memory,
    ) -> None:
        self._memory = memory
        self._queue = queue
        self._settings = settings
        self._busy = Busy(1, time.monotonic())
        self._task = "embed" if settings.component.value == "embedder" else "rerank"
        self._encoder = "packed"
        metrics.gpu_memory_bytes.labels("planned").set(settings.planned_memory_bytes)
        metrics.process_start_s.labels("engine").set(time.time())
        metrics.warmup_ready.set(0)

    def model_ready(self, card: ModelCard, capacity: int) -> None:
        """The model is loaded and warm, on a device of so many parts; see `Busy`."""
        self._busy = Busy(capacity, time.monotonic())
        self._encoder = card.encoder
        metrics.model_load_s.set(card.load_s)
        metrics.model_info.labels(*_labels(card)).set(1)
        metrics.warmup_ready.set(1)

    def model_changed(self, before: ModelCard, now: ModelCard) -> None:
        """The model goes on as something else, such as in another precision."""
        metrics.model_info.labels(*_labels(before)).set(0)
        metrics.model_info.labels(*_labels(now)).set(1)

    def job_started(self, job: Job) -> None:
        """See `retrieval_predictor.engine.scheduler.batcher.Observer`."""
        metrics.queue_wait_s.labels(job.lane.name.lower()).observe(job.queue_s)

    def batch_started(self) -> None:
        """See `retrieval_predictor.engine.scheduler.batcher.Observer`."""
        self._busy.change(+1, time.monotonic())

    def batch_ended(self) -> None:
        """See `retrieval_predictor.engine.scheduler.batcher.Observer`."""
        self._busy.change(-1, time.monotonic())

    def batch_done(self, batch: Batch, forward_s: float) -> None:
        """See `retrieval_predictor.engine.scheduler.batcher.Observer`."""
        metrics.forward_s.observe(forward_s)
        metrics.batch_size.observe(batch.size)
        metrics.batch_tokens.observe(batch.tokens)
        metrics.padding_ratio.set(self._padding(batch))
        metrics.input_tokens.labels(self._settings.name, self._task).inc(batch.tokens)
        self.refresh()

    def looked_up(self, hits: int, misses: int) -> None:
        """See `retrieval_predictor.engine.scheduler.batcher.Observer`."""
        if self._settings.cache_bytes:
            metrics.cache_hits.inc(hits)
            metrics.cache_misses.inc(misses)

    def out_of_memory(self) -> None:
        """See `retrieval_predictor.engine.scheduler.batcher.Observer`."""
        metrics.oom_retries.inc()

    def answered(self, job: Job, answer: Future[Rows]) -> None:
        """A request has its answer, or needs none any more."""
        if not answer.cancelled():
            if isinstance(error := answer.exception(), DeadlineExceeded):
                metrics.rejected.labels(error.code).inc()
        elif job.waits:
            metrics.rejected.labels("cancelled").inc()

    def refresh(self) -> None:
        """Bring the gauges of the queue up to date; also called while nothing is computed."""
        metrics.queue_requests.set(len(self._queue))
        metrics.queue_tokens.set(self._queue.tokens)
        metrics.effective_max_batch_tokens.set(self._queue.budget.tokens)
        metrics.busy_ratio.set(self._busy.ratio(time.monotonic()))

    def refresh_memory(self) -> None:
        """Ask the driver for the device's memory: too slow for every batch."""
        memory = self._memory()
        if memory is not None:
            metrics.gpu_memory_bytes.labels("allocated").set(memory.allocated_bytes)
            metrics.gpu_memory_bytes.labels("reserved").set(memory.reserved_bytes)
            metrics.gpu_memory_bytes.labels("peak").set(memory.used_bytes)
            metrics.gpu_memory_bytes.labels("total").set(memory.total_bytes)

    def figures(self) -> dict[str, Any]:
        """The live figures of `/stats`."""
        return {
            "queue_requests": len(self._queue),
            "queue_tokens": self._queue.tokens,
            "max_queue_tokens": self._queue.max_tokens,
            "max_batch_tokens": self._queue.max_batch_tokens,
            "effective_max_batch_tokens": self._queue.budget.tokens,
            "busy_ratio": round(self._busy.ratio(time.monotonic()), 4),
        }

    def _padding(self, batch: Batch) -> float:
        """The share of what was computed that was padding."""
        if self._encoder == "packed" or not batch.parts:
            return 0.0
        lengths = np.concatenate([part.encoded.lengths for part in batch.parts])
        if self._encoder == "graph":
            return 1.0 - batch.tokens / sum(
                group.texts.size * group.width for group in groups_of(lengths, int(lengths.max()))
            )
        return 1.0 - batch.tokens / (int(lengths.max()) * batch.size)


def _labels(card: ModelCard) -> tuple[str, str, str, str]:
    return card.uri, card.revision or "", card.precision, str(card.dimensions)
