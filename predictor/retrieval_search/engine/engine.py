"""The life of the index process: open, warm, serve, swap, drain."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import faiss
import structlog

from retrieval_predictor.errors import NotReady, RetrievalError
from retrieval_predictor.wire import frames, processes
from retrieval_search import metrics
from retrieval_search.asks import Ask, Found
from retrieval_search.engine.gathering import Answers, Gathering
from retrieval_search.engine.legs import Searching, searching
from retrieval_search.engine.server import Connection
from retrieval_search.engine.spaces import Spaces
from retrieval_search.errors import AnotherSpace, EmbedderRefused
from retrieval_search.index.files import warm
from retrieval_search.index.shelf import Shelf
from retrieval_search.index.version import Version, open_version
from retrieval_search.ranking.mask import prepare
from retrieval_search.settings import Settings, embedder_of

log = structlog.get_logger(__name__)

PART = "engine"
_AGAIN_S = 1.0


class Engine:
    """One index, of which one version is served at a time.

    A swap opens and warms the next version beside the served one and then changes a reference;
    batches under way end on the version they began with.
    """

    def __init__(self, settings: Settings, cores: int) -> None:
        self._settings = settings
        self._shelf = Shelf(settings.index)
        self._spaces = Spaces(embedder_of(settings))
        self._phase = "opening"
        self._serving: Searching | None = None
        self._refused: str | None = None
        self._connections: set[Connection] = set()
        gathering = settings.gathering
        wait_s = gathering.max_queue_wait_milliseconds / 1000
        self._queue = Gathering(self._search, cores, gathering.max_batch_size, wait_s)

    @property
    def state(self) -> dict[str, Any]:
        """What the process is doing, as JSON values."""
        state: dict[str, Any] = {
            "phase": self._phase,
            "waiting": self._queue.waiting,
            "searches_per_s": round(self._queue.rate_per_s, 1),
            "refused_version": self._refused,
        }
        if self._serving is not None:
            manifest = self._serving.version.manifest
            state |= {
                "version": manifest.version,
                "space": manifest.space,
                "passages": manifest.count,
                "kind": manifest.kind,
                "dimensions": manifest.embedder.dimensions,
                "size_bytes": manifest.size_bytes,
                "query_prompt": manifest.embedder.query_prompt,
            }
        return state

    def submit(self, ask: Ask) -> asyncio.Future[Found]:
        """Queue a query.

        Raises:
            NotReady: No version can be searched yet, or the embedder is another.
            TooManyQueries: It would not be answered in time.
        """
        if self._serving is None or self._phase not in {"ready", "draining"}:
            raise NotReady(self._phase)
        return self._queue.submit(ask)

    def drain(self) -> None:
        """Turn unready; what still arrives is answered."""
        self._become("draining")

    async def serve(self, socket: Path) -> None:
        """Serve until cancelled.

        Raises:
            StartupError: The version that is to be served first cannot be.
        """
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(
            lambda: Connection(self, self._connections), path=str(socket)
        )
        async with server, asyncio.TaskGroup() as group:
            group.create_task(self._beat())
            await self._open_first()
            processes.mark_ready(socket)
            group.create_task(self._follow())
            group.create_task(self._watch_space())

    def _search(self, asks: Sequence[Ask]) -> Answers:
        faiss.omp_set_num_threads(1)  # of this thread: it has a core, and OpenMP would take all
        serving = self._serving
        if serving is None:
            raise NotReady(self._phase)
        return serving.search(asks)

    async def _open_first(self) -> None:
        while self._serving is None:
            try:
                await self._swap(self._shelf.current())
            except EmbedderRefused as error:
                self._become("waiting for the embedder")
                log.warning("embedder_away", cause=str(error))
                await asyncio.sleep(_AGAIN_S)
        self._become("ready")

    async def _follow(self) -> None:
        """Serve whatever version the pointer names; one that cannot be served leaves the old."""
        while True:
            await asyncio.sleep(self._settings.look_s)
            try:
                named = self._shelf.current()
                if named != self._number:
                    await self._swap(named)
                self._refused = None
            except RetrievalError as error:
                self._refuse(error)

    def _refuse(self, error: RetrievalError) -> None:
        if self._refused != str(error):
            self._refused = str(error)
            metrics.refused_versions.labels(error.code).inc()
            log.error("version_refused", serving=self._number, cause=str(error))

    @property
    def _number(self) -> int | None:
        return None if self._serving is None else self._serving.version.manifest.version

    async def _swap(self, number: int) -> None:
        """Have another version served, once it is warm and of the embedder's space."""
        started_s = time.monotonic()
        version = await asyncio.to_thread(self._opened, number)
        await self._spaces.check(version.space)
        self._serving = searching(version)
        metrics.version.set(number)
        metrics.passages.set(version.manifest.count)
        metrics.index_bytes.set(version.manifest.size_bytes)
        taken_s = round(time.monotonic() - started_s, 3)
        log.info("version_served", version=number, space=version.space.name, opened_in_s=taken_s)
        self._tell()

    def _opened(self, number: int) -> Version:
        folder = self._shelf.path(number)
        version = open_version(folder)
        prepare()
        if self._settings.warm:
            warm(folder, version.manifest.files)
        return version

    async def _watch_space(self) -> None:
        """While the embedder is another than the index's, answers would be nonsense: unready."""
        while True:
            await asyncio.sleep(self._settings.space_check_s)
            if self._serving is None or self._phase == "draining":
                continue
            try:
                await self._spaces.check(self._serving.version.space)
            except AnotherSpace as error:
                self._become("waiting for the embedder of the index")
                log.warning("another_space", cause=str(error))
            except EmbedderRefused:
                continue  # queries say so themselves; words and given vectors still work
            else:
                self._become("ready")

    async def _beat(self) -> None:
        while True:
            processes.beat(self._settings.runtime_dir, PART)
            self._tell()
            await asyncio.sleep(frames.BEAT_S)

    def _become(self, phase: str) -> None:
        if self._phase != "draining":
            self._phase = phase
        self._tell()

    def _tell(self) -> None:
        for connection in self._connections:
            connection.tell()
