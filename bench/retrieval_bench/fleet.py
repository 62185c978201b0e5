"""Client processes: start them once, give them loads, gather what they measured.

One process is enough for some thousand requests a second; several share a load by dealing it out
request by request. They use the system's monotonic clock, which all processes of a machine share.
Ctrl-C stops a load, not the fleet: what was measured until then is handed over.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import multiprocessing
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

import uvloop

from retrieval_bench.arrivals import Closed
from retrieval_bench.dialects.wire import Rows
from retrieval_bench.errors import ClientDied
from retrieval_bench.outcomes import Outcomes, merge
from retrieval_bench.shard import EXAMPLES, LOOK_S, Assignment, Part, Shard, work

HEAD_START_S = 0.05
"""From the order to the first request, so that every process has its connections object ready."""

Watch = Callable[[int], None]
"""Called ten times a second with the number of requests that are over."""


@dataclass(frozen=True, slots=True)
class ClientUse:
    """What the load cost on the client's side.

    `busiest_ratio` is the share of a core that the busiest client process used: near 1, the client
    and not the server limits the figures.
    """

    processes: int
    cpu_s: float
    busiest_ratio: float


@dataclass(frozen=True, slots=True, eq=False)
class Gathered:
    """A load as all client processes together saw it; `next_index` was used by none of them."""

    outcomes: Outcomes
    client: ClientUse
    messages: dict[str, tuple[str, ...]]
    kept: dict[int, Rows]
    next_index: int
    interrupted: bool = False


@dataclass(slots=True)
class Fleet:
    """Running client processes; make one with `fleet`."""

    processes: list[Any]
    connections: list[Connection]
    progress: Any
    stop: Any

    def run(self, assignment: Assignment, watch: Watch) -> Gathered:
        """Carry out a load and gather it. Ctrl-C ends the load early, and the result says so.

        Raises:
            ClientDied: A client process ended before it handed over its part.
        """
        self.stop.clear()
        self.progress[:] = [0] * len(self.processes)
        begins_at_s = time.monotonic() + HEAD_START_S
        for connection, process in zip(self.connections, self.processes, strict=True):
            _order(connection, process, (assignment, begins_at_s))
        gathering = _Gathering(self, watch)
        with _noted_interrupts() as interrupts:
            gathering.finish(interrupts)
        return _gathered(gathering.parts, assignment, interrupted=bool(interrupts))


@dataclass(slots=True)
class _Gathering:
    """Parts as they come in, until every process has handed its own over."""

    fleet: Fleet
    watch: Watch
    parts: list[Part] = field(default_factory=list)
    waiting: list[Connection] = field(init=False)

    def __post_init__(self) -> None:
        self.waiting = list(self.fleet.connections)

    def finish(self, interrupts: list[int]) -> None:
        while self.waiting:
            ready = wait(self.waiting, timeout=LOOK_S)
            if interrupts:
                self.fleet.stop.set()
            for connection in [one for one in self.waiting if one in ready]:
                self._receive(connection)
            self.watch(sum(self.fleet.progress))

    def _receive(self, connection: Connection) -> None:
        try:
            self.parts.append(connection.recv())
        except (EOFError, OSError) as error:
            raise _death(self.fleet.processes[self.fleet.connections.index(connection)]) from error
        self.waiting.remove(connection)


def _order(connection: Connection, process: Any, order: tuple[Assignment, float]) -> None:
    try:
        connection.send(order)
    except OSError as error:
        raise _death(process) from error


def _death(process: Any) -> ClientDied:
    process.join(timeout=10)
    return ClientDied(process.exitcode)


@contextlib.contextmanager
def fleet(size: int) -> Iterator[Fleet]:
    """`size` client processes, started afresh and stopped at the end."""
    context = multiprocessing.get_context("spawn")
    progress, stop = context.RawArray("q", size), context.Event()
    pipes = [context.Pipe() for _ in range(size)]
    processes = [
        context.Process(target=_serve, args=(theirs, number, size, progress, stop), daemon=True)
        for number, (_, theirs) in enumerate(pipes)
    ]
    with _ignoring_interrupts():
        for process in processes:
            process.start()
    for _, theirs in pipes:
        theirs.close()
    try:
        yield Fleet(list(processes), [ours for ours, _ in pipes], progress, stop)
    finally:
        for (ours, _), process in zip(pipes, processes, strict=True):
            ours.close()
            process.join(timeout=1)
            process.kill()


@contextlib.contextmanager
def _noted_interrupts() -> Iterator[list[int]]:
    """Ctrl-C leaves a note; raised as an exception it may be swallowed where it happens to be."""
    notes: list[int] = []
    before = signal.signal(signal.SIGINT, lambda number, _: notes.append(number))
    try:
        yield notes
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def _ignoring_interrupts() -> Iterator[None]:
    """Children inherit that Ctrl-C is ignored: it is for the parent, which then stops them."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _serve(connection: Connection, number: int, size: int, progress: Any, stop: Any) -> None:
    """Work off orders until the parent hangs up."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))

    def tell(done: int) -> None:
        progress[number] = done

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        while True:
            try:
                assignment, begins_at_s = connection.recv()
            except (EOFError, OSError):
                return
            gc.freeze()
            shard = Shard(number, size, begins_at_s)
            connection.send(runner.run(work(assignment, shard, tell, stop.is_set)))


def _gathered(parts: list[Part], assignment: Assignment, *, interrupted: bool) -> Gathered:
    messages: dict[str, tuple[str, ...]] = {}
    for part in parts:
        for ending, few in part.messages.items():
            messages[ending] = (*messages.get(ending, ()), *few)[:EXAMPLES]
    return Gathered(
        outcomes=merge(part.outcomes for part in parts),
        client=ClientUse(
            processes=len(parts),
            cpu_s=sum(part.cpu_s for part in parts),
            busiest_ratio=max(part.cpu_s / max(part.wall_s, 1e-9) for part in parts),
        ),
        messages=messages,
        kept={index: rows for part in parts for index, rows in part.kept.items()},
        next_index=assignment.first_index + _numbers_used(parts, assignment),
        interrupted=interrupted,
    )


def _numbers_used(parts: list[Part], assignment: Assignment) -> int:
    """An upper bound: the most that one process took, including what it had in flight, times all.

    An interrupted open loop may have had more in flight, but nothing is sent after it.
    """
    arrivals = assignment.arrivals
    in_flight = arrivals.connections if isinstance(arrivals, Closed) else 0
    return len(parts) * (max(len(part.outcomes) for part in parts) + in_flight)
