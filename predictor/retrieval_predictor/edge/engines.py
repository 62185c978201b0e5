"""All engines of a pod as one: a request goes to the one that has the least in front of it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from retrieval_predictor.edge.remote import CONNECTING, RemoteEngine
from retrieval_predictor.errors import NotReady
from retrieval_predictor.wire.work import Rows, Run

_PHASES = ("ready", "draining", "warming up", "loading", CONNECTING)
"""From the most useful to the least."""


class Engines:
    """The engines of a pod, each with the same model on a device of its own.

    One that is lost takes its own requests with it and no others; the pod is ready while one is.
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

        Raises:
            NotReady: No engine can take it.
            EngineLost: The engine died, or fell silent, with the request on board.
            RetrievalError: Whatever the engine answered with.
        """
        return await self._least_busy().run(run)

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

    def _least_busy(self) -> RemoteEngine:
        working = [engine for engine in self._engines if engine.takes_work]
        if not working:
            raise NotReady(self.phase)
        return min(working, key=lambda engine: engine.outstanding_tokens)
