"""All engines of a pod as one: a request goes to the one that has the least in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import structlog

from retrieval_predictor.edge.remote import CONNECTING, RemoteEngine
from retrieval_predictor.errors import EngineLost, NotReady
from retrieval_predictor.wire.work import Rows, Run

log = structlog.get_logger(__name__)

_PHASES = ("ready", "draining", "warming up", "loading", CONNECTING)
"""From the most useful to the least."""


class Engines:
    """The engines of a pod, each with the same model on a device of its own.

    The requests of one that is lost go to another one; the pod is ready while one is.
    """

    def __init__(self, engines: Sequence[RemoteEngine]) -> None:
        self._engines = tuple(engines)
        self._users = 0

    @property
    def phase(self) -> str:
        """What the most useful engine is doing."""
        return self._best.phase

    @property
    def is_ready(self) -> bool:
        """Whether this pod should be sent requests."""
        return self._best.is_ready

    @property
    def is_draining(self) -> bool:
        """Whether this pod is about to end: what arrives is answered, and should be the last."""
        return self.phase == "draining"

    @property
    def state(self) -> dict[str, Any]:
        """The last state the most useful engine pushed, as JSON values."""
        return self._best.state

    @property
    def phases(self) -> list[str]:
        """What each engine is doing."""
        return [engine.phase for engine in self._engines]

    def open(self) -> None:
        """Start connecting; who opens closes again."""
        self._users += 1
        for engine in self._engines:
            engine.open()

    async def heard(self, timeout_s: float) -> None:
        """Wait until every engine has said what it is doing, at most so long."""
        await asyncio.gather(*(engine.heard(timeout_s) for engine in self._engines))

    async def close(self) -> None:
        """Stop connecting when the last of those who opened closes; requests in flight fail.

        So the server that stops first takes nothing away from the one that still answers.
        """
        self._users -= 1
        if self._users:
            return
        await asyncio.gather(*(engine.close() for engine in self._engines))

    def admit(self, tokens: int, client: int) -> None:
        """Let a request of about so many tokens pass, or refuse it before it costs more.

        Raises:
            NotReady: No engine can take it.
            Overloaded: The engine that it would go to would refuse it.
        """
        self._least_busy().admit(tokens, client)

    async def run(self, run: Run) -> Rows:
        """One row a text, from the engine that has the fewest tokens outstanding.

        Where that one dies another one computes it, once: nothing is changed by computing rows, and
        a text that is to blame should not go through all engines.

        Raises:
            NotReady: No engine can take it.
            EngineLost: The engine died, or fell silent, with the request on board.
            RetrievalError: Whatever the engine answered with.
        """
        first = self._least_busy()
        try:
            return await first.run(run)
        except EngineLost:
            others = [engine for engine in self._working if engine is not first]
            if not (others and self._users):
                raise
            log.warning("request_moved", texts=run.encoded.lengths.size, tokens=run.encoded.tokens)
            return await _least_busy_of(others).run(run)

    async def stats(self) -> dict[str, Any]:
        """Live figures: what waits in all engines together, and the figures of each.

        Raises:
            NotReady: There is no engine to ask.
        """
        connected = [engine for engine in self._engines if engine.phase != CONNECTING]
        if not connected:
            raise NotReady(CONNECTING)
        each = await asyncio.gather(*(engine.stats() for engine in connected))
        sums = {name: sum(one[name] for one in each) for name in ("queue_requests", "queue_tokens")}
        return {**each[0], **sums, "engines": each}

    @property
    def _best(self) -> RemoteEngine:
        return min(self._engines, key=lambda engine: _PHASES.index(engine.phase))

    @property
    def _working(self) -> list[RemoteEngine]:
        return [engine for engine in self._engines if engine.takes_work]

    def _least_busy(self) -> RemoteEngine:
        working = self._working
        if not working:
            raise NotReady(self.phase)
        return _least_busy_of(working)


def _least_busy_of(engines: list[RemoteEngine]) -> RemoteEngine:
    return min(engines, key=lambda engine: engine.outstanding_tokens)
