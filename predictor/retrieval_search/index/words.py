"""Passages by their words: BM25 (Lucene's variant) over mapped postings, by bm25s."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import bm25s
import numpy as np
import orjson

from retrieval_search.index.terms import terms
from retrieval_search.ranking.fusion import EMPTY, Floats, Leg
from retrieval_search.ranking.mask import Flags

FOLDER = "words"
_TERMS = "terms.json"


class Words:
    """The postings of one version; any thread may search."""

    def __init__(self, folder: Path, language: str) -> None:
        self._language = language
        self._index: Any = None
        path = folder / FOLDER
        self._ids: dict[str, int] = orjson.loads((path / _TERMS).read_bytes())
        if self._ids:
            self._index = bm25s.BM25.load(path, mmap=True, load_vocab=False)

    def search(self, query: str, count: int, mask: Flags | None) -> Leg:
        """The passages with the highest scores; none that has no term of the query."""
        ids = [self._ids[term] for term in terms(query, self._language) if term in self._ids]
        if not ids:
            return EMPTY
        scores: Floats = self._index.get_scores_from_ids(ids)
        if mask is not None:
            scores[~mask] = 0.0
        return best(scores, count)


def best(scores: Floats, count: int) -> Leg:
    """The rows with the highest scores above 0, best first, equal ones in their order."""
    rows = np.flatnonzero(scores > 0)
    if rows.size > count:
        found = scores[rows]
        edge = np.partition(found, rows.size - count)[rows.size - count]
        rows = rows[found >= edge]
    order = np.argsort(-scores[rows], kind="stable")[:count]
    return Leg(rows[order].astype(np.int64), scores[rows[order]].astype(np.float32))


def write_words(folder: Path, texts: Iterable[str], language: str) -> None:
    """Index texts by their terms. It holds 8 bytes for each term of each text meanwhile."""
    path = folder / FOLDER
    path.mkdir()
    ids: dict[str, int] = {}
    corpus = [[ids.setdefault(one, len(ids)) for one in terms(text, language)] for text in texts]
    if ids:
        index = bm25s.BM25(method="lucene")
        index.index((corpus, ids), create_empty_token=False, show_progress=False)
        index.save(path, show_progress=False)
    (path / _TERMS).write_bytes(orjson.dumps(ids))
