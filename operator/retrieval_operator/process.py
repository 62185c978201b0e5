"""The operator process: its parts, how they are joined, and how they start and stop."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any, Final

import structlog
from aiohttp import web

from retrieval_operator.cluster import Client, WarmUps, Writer, connect
from retrieval_operator.cluster.lease import LeaseFile
from retrieval_operator.derive.status import reason_of
from retrieval_operator.errors import ClusterError, ClusterUnavailable, LeadershipLost, NotFound
from retrieval_operator.facts import HttpFetch, Hub, Look
from retrieval_operator.health import Health, Pulse, application, judge, listening
from retrieval_operator.leader import Leader
from retrieval_operator.metrics import Metrics, Reading
from retrieval_operator.queue import Done, Failed, Outcome, Queue
from retrieval_operator.reconcile import (
    Applier,
    Lasting,
    Looking,
    Measuring,
    Planning,
    Reconciler,
    Seams,
)
from retrieval_operator.reconcile.models import Models
from retrieval_operator.render import Context
from retrieval_operator.settings import Settings
from retrieval_operator.spec.status import Status
from retrieval_operator.watch import Waker, Watch
from retrieval_operator.watch.keeper import Hearing, Wanted
from retrieval_operator.watch.run import Run
from retrieval_operator.world import Key, Store

_STOP_S: Final = 4.0
"""Most that a stop may take; passes in progress get this long."""

READINGS: Final = {
    "leader": "1 while this replica leads.",
    "queue_depth": "Services that wait for a pass.",
    "queue_delayed": "Services that wait for their time.",
    "queue_running": "Passes in progress.",
    "queue_oldest_seconds": "How long the oldest service has waited for a pass.",
    "queue_added": "Services put into the queue so far.",
    "queue_retried": "Passes repeated after a failure so far.",
    "watch_runs": "Times that everything was listed so far.",
    "watch_silence_seconds": "Age of the last thing that the watch heard.",
}
"""Numbers that are read when they are scraped, with their meaning."""

log = structlog.get_logger()


class Ledger:
    """Logs what changed and counts what was done."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def failed(self, key: Key, error: Exception) -> None:
        """A part of a pass failed in a way that nobody foresaw."""
        log.error("pass failed", service=str(key), exc_info=error)

    def changed(self, key: Key, before: Status, after: Status) -> None:
        """The status was written; told once where the summary is another."""
        self._metrics.status_written()
        was, now = reason_of(before, "Ready"), reason_of(after, "Ready")
        if was != now and now is not None:
            phase = after.phase.value if after.phase else ""
            log.info("service changed", service=str(key), phase=phase, reason=now[1])


class Operator:
    """Everything one replica runs. `configuration` is the login of the official client."""

    def __init__(self, settings: Settings, configuration: Any) -> None:
        self._settings = settings
        self._metrics = metrics = Metrics()
        self._world = world = Store()
        self._queue: Queue[Key] = Queue()
        client = connect(configuration, settings.api_timeout_seconds, metrics.requested)
        self._leader = self._candidate(configuration)
        writer = Writer(client, self._may_write)
        self._applier = Applier(writer, world, metrics)
        self._waker = Waker(self._queue, world, settings.node_debounce_seconds)
        self._watch = self._watcher(client, configuration)
        self._warm_ups = WarmUps()
        lasting = Lasting(lambda: datetime.now(UTC))
        seams = Seams(
            world=world,
            cluster=writer,
            looking=Looking(world, Planning(world), Models(_hub(settings)).facts, lasting),
            applier=self._applier,
            measuring=Measuring(self._warm_ups.ask, self._look_at),
            lasting=lasting,
            context=self._context,
            recorder=Ledger(metrics),
            instance=settings.identity,
        )
        self._reconciler = Reconciler(seams)
        self._threads = ThreadPoolExecutor(settings.workers, "pass")
        metrics.watch(world, self._readings())

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; then finish passes, give the lease back, and close.

        Raises:
            OSError: The HTTP port is taken.
        """
        settings = self._settings
        async with listening(self._application(), settings.http_host, settings.http_port):
            background = [asyncio.create_task(self._watch.keep())]
            if self._leader is not None:
                background.append(asyncio.create_task(self._leader.campaign()))
            workers = [
                asyncio.create_task(self._queue.work(self._pass)) for _ in range(settings.workers)
            ]
            log.info("started", namespaces=settings.namespaces or "all", **self._names())
            try:
                await _first_of(stop, [*background, *workers])
            finally:
                await self._stop(background, workers)

    async def _stop(
        self, background: Sequence[asyncio.Task[None]], workers: Sequence[asyncio.Task[None]]
    ) -> None:
        log.info("stopping", running=self._queue.running)
        self._queue.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S / 2):
                await self._queue.idle()
        for task in (*workers, *background):
            task.cancel()
        self._warm_ups.close()
        if self._leader is not None:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_STOP_S / 4):
                    await self._leader.resign()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_STOP_S / 4):
                await asyncio.gather(*workers, *background, return_exceptions=True)
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def _pass(self, key: Key) -> Outcome:
        """One pass in a thread; whatever goes wrong in it becomes an outcome."""
        if not (self._may_write() and self._world.is_complete):
            return Done()  # everything is passed over once that changes
        began_s = time.monotonic()
        loop = asyncio.get_running_loop()
        outcome, result = await loop.run_in_executor(self._threads, self._reconcile, key)
        self._metrics.passed(result, time.monotonic() - began_s)
        return outcome

    def _reconcile(self, key: Key) -> tuple[Outcome, str]:
        try:
            outcome = self._reconciler.reconcile(key)
        except LeadershipLost:
            return Done(), "lost"
        except NotFound:
            return Done(), "done"  # deleted during the pass; its event is on the way
        except ClusterUnavailable as error:
            log.warning("pass put off", service=str(key), error=str(error))
            return Failed(error.retry_after_s), "retried"
        except ClusterError as error:
            log.warning("pass refused", service=str(key), error=str(error))
            return Failed(), "refused"
        except Exception:  # one object must never stop the others
            log.exception("pass failed", service=str(key))
            return Failed(), "failed"
        return outcome, "retried" if isinstance(outcome, Failed) else "done"

    def _candidate(self, configuration: Any) -> Leader | None:
        settings = self._settings
        if not settings.leader_election:
            return None
        patience_s = settings.lease_seconds / 3
        client = connect(configuration, patience_s, self._metrics.requested)
        lease = LeaseFile(client, settings.lease_namespace, settings.lease_name)
        return Leader(lease, settings.identity, settings.lease_seconds, self._leads)

    def _watcher(self, client: Client, configuration: Any) -> Watch:
        settings = self._settings
        lease = (settings.lease_namespace, settings.lease_name)
        return Watch(
            Wanted(
                settings.namespaces,
                lease if settings.leader_election else None,
                settings.resync_seconds,
                settings.stall_seconds / 2,
            ),
            client,
            self._world,
            Hearing(self._waker.event, self._relisted),
            lambda scope, sink: Run(scope, configuration, sink),
        )

    def _leads(self, leads: bool) -> None:
        log.info("leading" if leads else "not leading", **self._names())
        if leads:
            self._applier.forget()
            self._waker.wake(self._world.keys())
        else:
            self._queue.clear()

    def _look_at(self, key: Key) -> None:
        self._waker.wake((key,))

    def _relisted(self, keys: set[Key]) -> None:
        self._applier.forget()
        self._waker.wake(keys)

    def _may_write(self) -> bool:
        return self._leader is None or self._leader.holds()

    def _context(self) -> Context:
        settings = self._settings
        is_chosen = "predictor_image" in settings.model_fields_set
        return Context(
            image=settings.predictor_image,
            api_versions=self._watch.apis,
            prometheus_url=settings.prometheus_url,
            is_image_chosen=is_chosen,
            domain_template=settings.domain_template,
            defaults=settings.predictor_defaults,
        )

    def _names(self) -> dict[str, str]:
        settings = self._settings
        return {"identity": settings.identity, "lease": settings.lease_name}

    def _application(self) -> web.Application:
        return application(self._health, self._metrics.exposition)

    def _health(self) -> Health:
        now_s = asyncio.get_running_loop().time()
        watch = self._watch
        pulse = Pulse(
            reachable_s=_age(watch.reachable_since_s, now_s),
            news_s=_age(watch.news_s, now_s),
            oldest_s=self._queue.oldest_s(),
            has_heartbeat=watch.has_heartbeat,
            has_listed=self._world.is_complete,
        )
        return judge(pulse, self._settings.stall_seconds)

    def _readings(self) -> tuple[Reading, ...]:
        queue, watch = self._queue, self._watch
        values: dict[str, Callable[[], float]] = {
            "leader": lambda: float(self._may_write()),
            "queue_depth": lambda: queue.depth,
            "queue_delayed": lambda: queue.delayed,
            "queue_running": lambda: queue.running,
            "queue_oldest_seconds": queue.oldest_s,
            "queue_added": lambda: queue.added,
            "queue_retried": lambda: queue.retried,
            "watch_runs": lambda: watch.runs,
            "watch_silence_seconds": self._silence_s,
        }
        return tuple(Reading(name, text, values[name]) for name, text in READINGS.items())

    def _silence_s(self) -> float:
        return _age(self._watch.news_s, asyncio.get_running_loop().time()) or 0.0


def _hub(settings: Settings) -> Look | None:
    """Who is asked about models that no table has."""
    if not settings.hub_lookup:
        return None
    return Hub(HttpFetch(settings.hub_timeout_seconds), settings.hub_endpoint).facts


def stop_on_signals(stop: asyncio.Event) -> None:
    """End on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)


def _age(since_s: float | None, now_s: float) -> float | None:
    return None if since_s is None else max(0.0, now_s - since_s)


async def _first_of(stop: asyncio.Event, tasks: Sequence[asyncio.Task[None]]) -> None:
    """Wait to be told to stop; a task that ends is a bug of ours, and is raised."""
    told = asyncio.create_task(stop.wait())
    try:
        done, _ = await asyncio.wait({told, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        for task in done - {told}:
            task.result()
            raise AssertionError("a part of the operator ended by itself; this is a bug")
    finally:
        told.cancel()
