"""Vectors by inner product, out of mapped files that all processes of a machine share.

`vectors.npy` has every vector in full. Flat searches it exactly, with BLAS where several queries
come together; the other kinds have `vectors.faiss` beside it and go back to it to score again and
where a filter leaves few passages.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import psutil

from retrieval_search.errors import IndexNotShareable
from retrieval_search.index.manifest import Kind
from retrieval_search.ranking.fusion import Floats, Leg
from retrieval_search.ranking.mask import Flags

FULL, COMPACT = "vectors.npy", "vectors.faiss"

EXACT_NUMBERS = 2_048_000
"""Up to so many numbers (matches × dimensions) a filtered search is exact, as in OpenSearch."""

_BLAS_FROM_QUERIES = 4
"""FAISS multiplies matrices from so many queries on; a lone query is faster without.

Two queries gain nothing and four gain a quarter at 384 dimensions (50,000 vectors, AVX2).
"""

_AGAIN = 4
"""Candidates of a one-bit or four-bit code that are scored again, for each that is wanted."""

_BLOCK_ROWS = 16_384
_HNSW_LEAST_SHARE = 0.1
"""Below it a filtered walk of the graph visits more than a pass over the matches."""

_PRIVATE_SHARE = 0.25
_PRIVATE_LEAST_BYTES = 32 * 2**20


class Vectors:
    """The vectors of one version; any thread may search, each on one core."""

    def __init__(self, folder: Path, kind: Kind, effort: int) -> None:
        self.full: Floats = np.asarray(np.load(folder / FULL, mmap_mode="r"))
        self._kind = kind
        self._effort = effort
        self._compact: Any = None if kind is Kind.FLAT else open_mapped(folder / COMPACT)
        faiss.cvar.distance_compute_blas_threshold = _BLAS_FROM_QUERIES * self.dimensions

    @property
    def dimensions(self) -> int:
        """Numbers of a vector."""
        return int(self.full.shape[1])

    def search(self, queries: Floats, count: int, effort: int) -> list[Leg]:
        """The nearest of each query; an effort of 0 is the index's own."""
        count = min(count, len(self.full))
        if self._compact is None:
            scores, rows = faiss.knn(queries, self.full, count, faiss.METRIC_INNER_PRODUCT)
        else:
            wanted = self._wanted(count)
            parameters = self._parameters(effort or self._effort, None)
            scores, rows = self._compact.search(queries, wanted, params=parameters)
        legs = [_leg(*pair) for pair in zip(rows, scores, strict=True)]
        return [self._again(query, leg, count) for query, leg in zip(queries, legs, strict=True)]

    def search_among(self, query: Floats, count: int, effort: int, mask: Flags) -> Leg:
        """The nearest of one query among the rows that have their flag."""
        matches = np.flatnonzero(mask)
        count = min(count, matches.size)
        share = matches.size / max(mask.size, 1)
        if self._compact is None or self._is_exact(matches.size, share):
            return nearest(self.full, query, matches, count)
        wider = int((effort or self._effort) / share) + 1
        selector = faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
        parameters = self._parameters(wider, selector)
        scores, rows = self._compact.search(query[None], self._wanted(count), params=parameters)
        leg = self._again(query, _leg(rows[0], scores[0]), count)
        return leg if leg.size == count else nearest(self.full, query, matches, count)

    def _is_exact(self, matches: int, share: float) -> bool:
        if matches * self.dimensions <= EXACT_NUMBERS:
            return True
        return self._kind is Kind.HNSW_SQ8 and share < _HNSW_LEAST_SHARE

    def _wanted(self, count: int) -> int:
        return _AGAIN * count if self._kind is Kind.IVF_RABITQ else count

    def _again(self, query: Floats, leg: Leg, count: int) -> Leg:
        """Candidates of a coarse code, scored by their full vectors."""
        if self._kind is not Kind.IVF_RABITQ:
            return leg
        return nearest(self.full, query, np.sort(leg.rows), count)

    def _parameters(self, effort: int, selector: Any) -> Any:
        if self._kind is Kind.HNSW_SQ8:
            return faiss.SearchParametersHNSW(efSearch=effort, sel=selector)
        effort = min(effort, self._compact.nlist)
        return faiss.SearchParametersIVF(nprobe=effort, sel=selector)


def nearest(vectors: Floats, query: Floats, rows: Any, count: int) -> Leg:
    """The nearest of some rows, exactly, a block at a time."""
    found, scores = np.empty(0, np.int64), np.empty(0, np.float32)
    for at in range(0, len(rows), _BLOCK_ROWS):
        block = rows[at : at + _BLOCK_ROWS]
        found = np.concatenate((found, block))
        scores = np.concatenate((scores, vectors[block] @ query))
        order = np.argsort(-scores, kind="stable")[:count]
        found, scores = found[order], scores[order]
    return Leg(found, scores)


def _leg(rows: Any, scores: Any) -> Leg:
    is_found = rows >= 0
    return Leg(rows[is_found], scores[is_found])


def open_mapped(file: Path) -> Any:
    """A FAISS file as a view of the page cache.

    Raises:
        IndexNotShareable: FAISS copied it: the older flag, or a kind that cannot be mapped.
    """
    process = psutil.Process()
    before = process.memory_full_info().uss
    index = faiss.read_index(str(file), faiss.IO_FLAG_MMAP_IFC)
    private_bytes = process.memory_full_info().uss - before
    size_bytes = file.stat().st_size
    if private_bytes > max(_PRIVATE_SHARE * size_bytes, _PRIVATE_LEAST_BYTES):
        raise IndexNotShareable(str(file), private_bytes)
    return index


def lists_for(count: int) -> int:
    """Inverted lists for so many vectors: four times the root, 39 vectors a list at least."""
    return max(1, min(int(4 * count**0.5), count // 39 or 1))


def empty_index(kind: Kind, dimensions: int, count: int) -> Any:
    """The FAISS index of a kind, for about so many vectors."""
    recipes = {
        Kind.IVF_SQ8: f"IVF{lists_for(count)},SQ8",
        Kind.HNSW_SQ8: "HNSW32,SQ8",
        Kind.IVF_RABITQ: f"IVF{lists_for(count)},RaBitQ4",
    }
    return faiss.index_factory(dimensions, recipes[kind], faiss.METRIC_INNER_PRODUCT)


def as_vectors(rows: Sequence[Floats]) -> Floats:
    """Queries as one matrix."""
    return np.ascontiguousarray(np.stack(rows), np.float32)
