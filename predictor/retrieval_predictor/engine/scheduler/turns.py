"""Jobs in the order in which they are served: clients take turns, a turn is a piece of a request.

Start-time fair queueing (Goyal, Vin and Cheng, SIGCOMM 1996, section 2.1) with the virtual time of
an ideal server that serves all clients at once (Demers, Keshav and Shenker, SIGCOMM 1989, section
2): a piece starts where its client's piece before it ends, but not in the past, and pieces are
served in order of their starts. So of two clients, one with five hundred queued requests and one
with a single request, each gets half of the device, and nobody waits longer than that takes.
"""

from __future__ import annotations

import itertools
from bisect import bisect_left, insort
from collections.abc import Iterator
from dataclasses import dataclass

from retrieval_predictor.engine.scheduler.job import Job
from retrieval_predictor.wire.admission import QUERY_LANE_TOKENS

PIECE_TOKENS = QUERY_LANE_TOKENS
"""A query is one piece and keeps its place until it is done; a bulk request queues again after
each, so that the long requests of one client take turns too."""

_IDLE_CLIENTS = 64
"""Clients that no longer wait are forgotten once they outnumber the waiting ones by so many."""


@dataclass(slots=True)
class _Client:
    """Tokens that wait, and in virtual time: how far they are queued and how far served."""

    waiting_tokens: int = 0
    queued_to: float = 0.0
    served_to: float = 0.0


@dataclass(slots=True)
class _Place:
    """Where a job stands: the start of its piece, its number in the queue, what is taken of it."""

    start: float
    number: int
    tokens: int
    taken_tokens: int = 0


class Turns:
    """Waiting jobs, iterated in order of service. A change costs O(log n) comparisons.

    `tokens` counts what waits, `clients` whose it is.
    """

    def __init__(self) -> None:
        self._numbers = itertools.count()
        self._order: list[tuple[float, int, Job]] = []
        self._places: dict[Job, _Place] = {}
        self._clients: dict[int, _Client] = {}
        self._now = 0.0
        self.tokens = 0
        self.clients = 0

    def __len__(self) -> int:
        return len(self._order)

    def __iter__(self) -> Iterator[Job]:
        return (job for _, _, job in self._order)

    def __contains__(self, job: object) -> bool:
        return job in self._places

    def tokens_of(self, client: int) -> int:
        """Tokens of this client that wait."""
        known = self._clients.get(client)
        return known.waiting_tokens if known else 0

    def add(self, job: Job) -> None:
        """Let a job wait behind what its client queued before."""
        client = self._clients.setdefault(job.run.client, _Client())
        self.clients += client.waiting_tokens == 0
        self._count(client, job.waiting_tokens)
        self._enter(job, client)
        if len(self._clients) > 2 * self.clients + _IDLE_CLIENTS:
            self._forget_idle()

    def taken(self, job: Job, tokens: int) -> None:
        """A batch took so many tokens of a job; one with rows left may have to wait its turn."""
        client, place = self._clients[job.run.client], self._places[job]
        self._now += tokens / self.clients
        place.taken_tokens += tokens
        client.served_to = max(client.served_to, place.start + place.taken_tokens)
        self._count(client, -tokens)
        if job.waits and place.taken_tokens < place.tokens:
            return
        self._leave(job)
        if job.waits:
            self._enter(job, client)

    def remove(self, job: Job) -> None:
        """Forget a job that waits; what was not computed costs its client nothing."""
        self._count(self._clients[job.run.client], -job.waiting_tokens)
        self._leave(job)

    def _enter(self, job: Job, client: _Client) -> None:
        start = max(self._now, client.queued_to, client.served_to)
        tokens = min(job.waiting_tokens, PIECE_TOKENS)
        client.queued_to = start + tokens
        place = self._places[job] = _Place(start, next(self._numbers), tokens)
        insort(self._order, (place.start, place.number, job))

    def _leave(self, job: Job) -> None:
        place = self._places.pop(job)
        del self._order[bisect_left(self._order, (place.start, place.number))]

    def _count(self, client: _Client, tokens: int) -> None:
        self.tokens += tokens
        client.waiting_tokens += tokens
        if client.waiting_tokens == 0:
            self.clients -= 1
            client.queued_to = client.served_to

    def _forget_idle(self) -> None:
        self._clients = {
            key: client
            for key, client in self._clients.items()
            if client.waiting_tokens or client.served_to > self._now
        }
