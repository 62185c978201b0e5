"""Shards into a version, a shard at a time: only what FAISS builds has to fit in memory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import orjson

from retrieval_search.build.shards import Shard
from retrieval_search.build.tuning import measured
from retrieval_search.errors import SameId
from retrieval_search.index import columns, vectors
from retrieval_search.index.files import facts_of
from retrieval_search.index.ids import index_ids, write_ids
from retrieval_search.index.manifest import EmbedderFacts, Kind, Manifest, Tuning, write_manifest
from retrieval_search.index.space import Space
from retrieval_search.index.version import CANARIES
from retrieval_search.index.words import write_words
from retrieval_search.ranking.fusion import Floats

FLAT_UP_TO = 200_000
"""Passages up to which an exact search is the default; above it lists are probed."""

_TRAINING_PER_LIST = 64


@dataclass(frozen=True, slots=True)
class Content:
    """What a version is made of; kind None chooses by the number of passages."""

    shards: Sequence[Shard]
    embedder: EmbedderFacts
    space: Space
    kind: Kind | None = None
    language: str = "english"


def assemble(folder: Path, version: int, content: Content, say: Callable[[str], None]) -> Manifest:
    """Write a complete version into a new folder.

    Raises:
        SameId: Two passages have one id.
    """
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    say("checking ids")
    count = _write_ids(folder, content.shards)
    kind = content.kind or (Kind.FLAT if count <= FLAT_UP_TO else Kind.IVF_SQ8)
    say(f"writing {count} passages")
    _write_columns(folder, content.shards)
    say("writing words")
    write_words(folder, _texts(content.shards), content.language)
    say(f"writing vectors ({kind})")
    tuning = _write_vectors(folder, content, kind, count)
    np.save(folder / CANARIES, content.space.canaries)
    say("checksums")
    manifest = Manifest(
        version=version,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        count=count,
        kind=kind,
        embedder=content.embedder,
        space=content.space.name,
        language=content.language,
        tuning=tuning,
        files=facts_of(folder),
    )
    write_manifest(folder, manifest)
    return manifest


def _write_ids(folder: Path, shards: Sequence[Shard]) -> int:
    """How many passages there are; no two may have one id."""
    ids = index_ids(map(_ids, shards))
    if (same := ids.same()) is not None:
        raise SameId(_id_at(shards, same[0]), same[0] + 1, same[1] + 1)
    write_ids(folder, ids)
    return int(ids.order.size)


def _ids(shard: Shard) -> list[str]:
    ids: list[str] = shard.passages().column("id").to_pylist()
    return ids


def _id_at(shards: Sequence[Shard], row: int) -> str:
    for shard in shards:
        ids = _ids(shard)
        if row < len(ids):
            return ids[row]
        row -= len(ids)
    raise IndexError(row)


def _write_columns(folder: Path, shards: Sequence[Shard]) -> None:
    keys = columns.Keys()
    for batch in _metadata(shards):
        for one in batch:
            keys.see(one)
    batches = (shard.passages() for shard in shards)
    columns.write_batches(folder / columns.PASSAGES, columns.PASSAGE_SCHEMA, batches)
    schema = keys.schema()
    filters = columns.filter_batches(schema, _metadata(shards))
    columns.write_batches(folder / columns.FILTERS, schema, filters)


def _metadata(shards: Sequence[Shard]) -> Iterator[list[dict[str, Any]]]:
    for shard in shards:
        yield [orjson.loads(one) for one in shard.passages().column("metadata").to_pylist()]


def _texts(shards: Sequence[Shard]) -> Iterator[str]:
    for shard in shards:
        batch = shard.passages()
        titles, texts = (batch.column(name).to_pylist() for name in ("title", "text"))
        yield from (f"{title}\n{text}" for title, text in zip(titles, texts, strict=True))


def _write_vectors(folder: Path, content: Content, kind: Kind, count: int) -> Tuning:
    shape = (count, content.embedder.dimensions)
    full = np.lib.format.open_memmap(folder / vectors.FULL, "w+", np.dtype("<f4"), shape)
    at = 0
    for shard in content.shards:
        rows = shard.vectors()
        full[at : at + len(rows)] = rows
        at += len(rows)
    full.flush()
    if kind is Kind.FLAT:
        return Tuning()
    faiss.write_index(_compact(kind, full), str(folder / vectors.COMPACT))
    return measured(vectors.Vectors(folder, kind, 0), kind)


def _compact(kind: Kind, full: Floats) -> Any:
    index = vectors.empty_index(kind, full.shape[1], len(full))
    most = _TRAINING_PER_LIST * vectors.lists_for(len(full))
    step = max(1, len(full) // most)
    index.train(np.ascontiguousarray(full[::step], np.float32))
    for at in range(0, len(full), 65_536):
        index.add(np.ascontiguousarray(full[at : at + 65_536], np.float32))
    return index
