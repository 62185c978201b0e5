"""The way of a query: embedder, index, fusion, passages, reranker."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import structlog

from retrieval_predictor.wire.work import Caller
from retrieval_search import metrics
from retrieval_search.asks import Ask, Found
from retrieval_search.edge.library import Library, Volume
from retrieval_search.edge.query import Hit, Query, Results, Stages
from retrieval_search.edge.remote import RemoteIndex
from retrieval_search.errors import EmbedderAway, RerankerAway
from retrieval_search.ranking.fusion import Floats, Leg, fuse
from retrieval_search.services.connection import CallFailed
from retrieval_search.services.embedder import Embedder
from retrieval_search.services.reranker import Reranker

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Searcher:
    """Everything a query passes."""

    index: RemoteIndex
    library: Library
    embedder: Embedder | None
    reranker: Reranker | None

    async def search(self, query: Query, caller: Caller) -> Results:
        """The passages that answer a query, best first.

        Raises:
            EmbedderAway: Its text has no vector.
            RerankerAway: Its candidates have no scores, and the caller insists on them.
            RetrievalError: Whatever the index process answered with.
        """
        started_s = time.perf_counter()
        vector = await self._vector(query, caller)
        embedded_s = time.perf_counter()
        found = await self.index.find(_ask(query, vector, caller))
        searched_s = time.perf_counter()
        volume = self.library.volume(found.version)
        is_reranked = query.rerank.wanted and self.reranker is not None
        hits = _hits(query, found, volume, query.candidates if is_reranked else query.top_k)
        gathered_s = time.perf_counter()
        ordered = await self._reranked(query, hits, caller) if is_reranked and hits else None
        ended_s = time.perf_counter()
        stages = Stages(
            embed_s=embedded_s - started_s,
            queue_s=found.queue_s,
            dense_s=found.dense_s,
            words_s=found.words_s,
            passages_s=gathered_s - searched_s,
            rerank_s=ended_s - gathered_s,
            total_s=ended_s - started_s,
        )
        _count(stages)
        kept = _kept(query, hits if ordered is None else ordered)
        manifest = volume.manifest
        return Results(
            kept, manifest.version, manifest.space, ordered is not None, stages, found.batch
        )

    async def _vector(self, query: Query, caller: Caller) -> Floats | None:
        if query.vector is not None or not query.fusion.dense_weight or self.embedder is None:
            return query.vector
        prompt = self.index.state.get("query_prompt")
        try:
            vectors = await self.embedder.embed([query.text], prompt, caller)
        except CallFailed as failure:
            raise EmbedderAway(self.embedder.service.url, str(failure)) from None
        vector: Floats = vectors[0]
        return vector

    async def _reranked(
        self, query: Query, hits: Sequence[Hit], caller: Caller
    ) -> list[Hit] | None:
        """The hits in the reranker's order; None where it is away and that is allowed."""
        if self.reranker is None:
            return None
        texts = [hit.passage.indexed for hit in hits]
        try:
            scores = await self.reranker.score(query.text, texts, caller)
        except CallFailed as failure:
            if query.rerank.required:
                raise RerankerAway(self.reranker.service.url, str(failure)) from None
            metrics.not_reranked.inc()
            log.warning("not_reranked", cause=str(failure))
            return None
        return [
            replace(hits[at], score=float(scores[at]), rerank=float(scores[at]))
            for at in np.argsort(-scores, kind="stable")
        ]


def _ask(query: Query, vector: Floats | None, caller: Caller) -> Ask:
    words = query.text if query.fusion.words_weight else ""
    candidates = max(query.candidates, query.top_k)
    return Ask(candidates, vector, words, query.filter, query.effort, caller.deadline_s)


def _hits(query: Query, found: Found, volume: Volume, count: int) -> list[Hit]:
    """The best of both legs, with their passages; a lone leg keeps its own scores."""
    legs = ((found.dense, query.fusion.dense_weight), (found.words, query.fusion.words_weight))
    heard = [(leg, weight) for leg, weight in legs if leg.size and weight]
    fused = heard[0][0] if len(heard) == 1 else fuse(heard, query.fusion.method, query.fusion.k)
    best, dense, words = fused.first(count), _by_row(found.dense), _by_row(found.words)
    return [
        Hit(
            volume.passages.at(row),
            score=score,
            dense=dense.get(row),
            words=words.get(row),
            fused=score if len(heard) > 1 else None,
        )
        for row, score in zip(best.rows.tolist(), best.scores.tolist(), strict=True)
    ]


def _by_row(leg: Leg) -> dict[int, float]:
    return dict(zip(leg.rows.tolist(), leg.scores.tolist(), strict=True))


def _kept(query: Query, hits: Sequence[Hit]) -> tuple[Hit, ...]:
    least = query.least_score
    good = hits if least is None else [hit for hit in hits if hit.score >= least]
    return tuple(good[: query.top_k])


def _count(stages: Stages) -> None:
    for name, taken_s in stages.by_name().items():
        if taken_s:
            metrics.stage_s.labels(name).observe(taken_s)
