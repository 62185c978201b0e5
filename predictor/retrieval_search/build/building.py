"""One build: read passages, embed them a shard at a time, assemble and publish a version."""

from __future__ import annotations

import asyncio
import itertools
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval_search.build.assembling import Content, assemble
from retrieval_search.build.progress import Progress
from retrieval_search.build.shards import Plan, Workplace
from retrieval_search.errors import EmbedderRefused, IndexMissing
from retrieval_search.index.manifest import EmbedderFacts, Kind, Manifest
from retrieval_search.index.shelf import Shelf
from retrieval_search.index.space import Space
from retrieval_search.passages.chunking import Chunking
from retrieval_search.passages.passage import Passage
from retrieval_search.passages.sources import read_passages
from retrieval_search.ranking.fusion import Floats
from retrieval_search.services.connection import PERSISTENT, QUICK, CallFailed
from retrieval_search.services.embedder import Embedder, space


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be built: from what, into what, how."""

    source: Path
    index: Path
    chunking: Chunking
    kind: Kind | None = None
    language: str = "english"
    shard_passages: int = 4096
    batch_passages: int = 64
    requests: int = 4
    is_served: bool = True
    restart: bool = False
    keep: bool = False
    total: int | None = None


async def build(order: Order, embedder: Embedder, progress: Progress) -> Manifest:
    """Build and publish the next version.

    Raises:
        StartupError: The source, the embedder or an unfinished build does not allow it.
    """
    facts, found = await space(embedder, QUICK)
    shelf = Shelf(order.index)
    if order.restart:
        shutil.rmtree(shelf.building, ignore_errors=True)
    workplace = Workplace(shelf.building)
    found = workplace.begin(_plan(order), found)
    await _fill(order, workplace, embedder, facts, progress)
    return _publish(order, shelf, workplace, facts, found, progress)


def _plan(order: Order) -> Plan:
    return Plan(
        source=str(order.source.resolve()),
        max_tokens=order.chunking.max_tokens,
        overlap_tokens=order.chunking.overlap_tokens,
        shard_passages=order.shard_passages,
    )


async def _fill(
    order: Order,
    workplace: Workplace,
    embedder: Embedder,
    facts: EmbedderFacts,
    progress: Progress,
) -> None:
    """Make every shard that is not there yet."""
    there = list(workplace.shards())
    for number, passages in enumerate(_portions(order)):
        if number < len(there):
            workplace.check(number, there[number], passages)
            progress.resumed += len(passages)
            continue
        vectors = await _embedded(order, passages, embedder, facts, progress)
        workplace.keep(number, passages, vectors)


def _portions(order: Order) -> Iterator[Sequence[Passage]]:
    passages = read_passages(order.source, order.chunking)
    while portion := list(itertools.islice(passages, order.shard_passages)):
        yield portion


async def _embedded(
    order: Order,
    passages: Sequence[Passage],
    embedder: Embedder,
    facts: EmbedderFacts,
    progress: Progress,
) -> Floats:
    """The vectors of a shard, with several requests under way at a time."""
    places = asyncio.Semaphore(order.requests)

    async def embed(at: int) -> Floats:
        texts = [one.indexed for one in passages[at : at + order.batch_passages]]
        async with places:
            try:
                vectors = await embedder.embed(texts, facts.passage_prompt, patience=PERSISTENT)
            except CallFailed as failure:
                raise EmbedderRefused(embedder.service.url, str(failure)) from None
        progress.advance(len(texts))
        return vectors

    async with asyncio.TaskGroup() as group:
        starts = range(0, len(passages), order.batch_passages)
        tasks = [group.create_task(embed(at)) for at in starts]
    return np.concatenate([task.result() for task in tasks])


def _publish(
    order: Order,
    shelf: Shelf,
    workplace: Workplace,
    facts: EmbedderFacts,
    found: Space,
    progress: Progress,
) -> Manifest:
    shards = list(workplace.shards())
    if not shards:
        raise IndexMissing(str(order.source), "it holds no passage")
    content = Content(shards, facts, found, order.kind, order.language)
    version, complete = shelf.next_version(), shelf.building / "version"
    manifest = assemble(complete, version, content, progress.say)
    shelf.publish(complete, version, is_served=order.is_served)
    if not order.keep:
        shutil.rmtree(shelf.building)
    progress.end(f"version {version}: {manifest.count:,} passages, {manifest.kind}")
    return manifest
