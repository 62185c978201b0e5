"""Searches a second of one version, on one core, with its own vectors as queries."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import faiss
import numpy as np

from retrieval_search.index.version import Version, open_version

_BATCHES = (1, 8, 64)
_CANDIDATES = 100


def measure(folder: Path, seconds: float) -> str:
    """A table of rates; the first batch of each row is not counted."""
    version = open_version(folder)
    faiss.omp_set_num_threads(1)
    manifest = version.manifest
    head = f"version {manifest.version}: {manifest.count:,} passages, {manifest.kind}"
    return "\n".join([f"{head}, {_CANDIDATES} candidates, one core", *_rows(version, seconds), ""])


def _rows(version: Version, seconds: float) -> Iterator[str]:
    rng = np.random.default_rng(0)
    full = version.vectors.full
    for batch in _BATCHES:
        queries = np.ascontiguousarray(full[np.sort(rng.integers(0, len(full), batch))])
        search = partial(version.vectors.search, queries, _CANDIDATES, 0)
        rate = batch * _calls_per_s(search, seconds)
        yield f"vectors, {batch:>2} at a time  {rate:>9,.0f} searches/s"
    text = version.passages.at(0).text[:60]
    rate = _calls_per_s(lambda: version.words.search(text, _CANDIDATES, None), seconds)
    yield f"words                   {rate:>9,.0f} searches/s"


def _calls_per_s(call: Callable[[], object], seconds: float) -> float:
    call()
    calls, started_s = 0, time.perf_counter()
    while time.perf_counter() - started_s < seconds:
        call()
        calls += 1
    return calls / (time.perf_counter() - started_s)
