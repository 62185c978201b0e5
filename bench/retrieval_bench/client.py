"""One client: make a request, send it, check the answer, and say how it ended.

Nothing that a server does makes `send` raise: every failure is an `Outcome`. The clock is an
argument, so tests run on virtual time, and all client processes of a machine share one clock.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from retrieval_bench.corpus import Corpus, Request
from retrieval_bench.dialects import answers
from retrieval_bench.dialects.wire import Call, Dialect, Rows
from retrieval_bench.errors import RequestFailed, TimedOut
from retrieval_bench.outcomes import Ending, Outcome
from retrieval_bench.transports import Send

Clock = Callable[[], float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A request that only has to be sent: making its bytes is no part of its latency."""

    index: int
    request: Request
    call: Call


@dataclass(slots=True)
class Client:
    """Sends the requests of one corpus to one server.

    `keep` names the requests whose rows are wanted afterwards; they are collected in `kept`. The
    first vectors seen fix the length that all others must have.
    """

    transmit: Send
    dialect: Dialect
    corpus: Corpus
    timeout_s: float
    clock: Clock
    keep: frozenset[int]
    kept: dict[int, Rows]
    columns: int | None = None

    def prepare(self, index: int) -> Prepared:
        """Request number `index`, ready to leave."""
        request = self.corpus.request(index)
        return Prepared(index, request, self.dialect.call(request))

    async def send(self, prepared: Prepared, due_s: float) -> Outcome:
        """Send now what was due at `due_s`; the answer is timed when complete, then checked."""
        sent_s = self.clock()
        try:
            async with asyncio.timeout(self.timeout_s):
                reply = await self.transmit(prepared.call, self.timeout_s)
        except TimeoutError:
            return self._failed(TimedOut(self.timeout_s), due_s, sent_s)
        except RequestFailed as error:
            return self._failed(error, due_s, sent_s)
        done_s = self.clock()
        try:
            rows = answers.read(self.dialect, reply, prepared.request, self.columns)
        except RequestFailed as error:
            return Outcome(due_s, sent_s, done_s, error.ending, len(reply.body), str(error))
        self._remember(prepared.index, rows)
        return Outcome(due_s, sent_s, done_s, Ending.ANSWERED, len(reply.body))

    def _failed(self, error: RequestFailed, due_s: float, sent_s: float) -> Outcome:
        return Outcome(due_s, sent_s, self.clock(), error.ending, message=str(error))

    def _remember(self, index: int, rows: Rows) -> None:
        if self.columns is None and rows.ndim == 2:
            self.columns = rows.shape[1]
        if index in self.keep:
            self.kept[index] = rows
