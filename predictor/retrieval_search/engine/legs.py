"""Search one version for several queries at once, on one core."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby

import orjson

from retrieval_predictor.errors import Malformed, RetrievalError
from retrieval_search.asks import Ask, Found
from retrieval_search.index.vectors import as_vectors
from retrieval_search.index.version import Version
from retrieval_search.ranking.condition import read_condition
from retrieval_search.ranking.fusion import EMPTY, Leg
from retrieval_search.ranking.mask import Flags, matching

_MASKS = 64
"""Filters whose matches are remembered; each is a byte a passage."""


@dataclass(frozen=True, slots=True)
class Searching:
    """A version with the filters that were asked of it lately."""

    version: Version
    mask: Callable[[bytes], Flags]

    def search(self, asks: Sequence[Ask]) -> list[Found | RetrievalError]:
        """An answer, or an error, for each query."""
        started_s = time.perf_counter()
        legs = self._together(asks)
        dense_s = time.perf_counter() - started_s
        return [self._one(ask, legs.get(at), dense_s) for at, ask in enumerate(asks)]

    def _together(self, asks: Sequence[Ask]) -> dict[int, Leg]:
        """The dense legs of those that have no filter, those of one effort in one search."""
        plain = [at for at, ask in enumerate(asks) if self._fits(ask) and not ask.filter]
        plain.sort(key=lambda at: asks[at].effort)
        legs: dict[int, Leg] = {}
        for effort, group in groupby(plain, lambda at: asks[at].effort):
            places = list(group)
            queries = as_vectors([asks[at].numbers for at in places])
            most = max(asks[at].candidates for at in places)
            found = self.version.vectors.search(queries, most, effort)
            legs |= {
                at: leg.first(asks[at].candidates) for at, leg in zip(places, found, strict=True)
            }
        return legs

    def _one(self, ask: Ask, dense: Leg | None, dense_s: float) -> Found | RetrievalError:
        try:
            mask = self.mask(ask.filter) if ask.filter else None
            started_s = time.perf_counter()
            if dense is None:
                dense = self._alone(ask, mask)
                dense_s = time.perf_counter() - started_s
            started_s = time.perf_counter()
            words = EMPTY
            if ask.words:
                words = self.version.words.search(ask.words, ask.candidates, mask)
        except RetrievalError as error:
            return error
        words_s = time.perf_counter() - started_s
        number = self.version.manifest.version
        return Found(number, dense, words, dense_s=dense_s, words_s=words_s)

    def _alone(self, ask: Ask, mask: Flags | None) -> Leg:
        """The dense leg of a query with a filter, or without a vector."""
        if ask.vector is None:
            return EMPTY
        if not self._fits(ask) or mask is None:
            wanted = self.version.vectors.dimensions
            raise Malformed(f"a vector of {ask.vector.size} numbers; this index has {wanted}")
        return self.version.vectors.search_among(ask.vector, ask.candidates, ask.effort, mask)

    def _fits(self, ask: Ask) -> bool:
        return ask.vector is not None and ask.vector.size == self.version.vectors.dimensions


def searching(version: Version) -> Searching:
    """A version, ready to be searched."""

    @lru_cache(maxsize=_MASKS)
    def mask(condition: bytes) -> Flags:
        read = read_condition(orjson.loads(condition))
        if read is None:
            raise Malformed("field 'filter': wanted an object with 'type'")
        return matching(read, version.passages.filters, version.passages.count)

    return Searching(version, mask)
