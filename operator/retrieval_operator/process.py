"""The operator process: its parts, and how they are joined."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Final

import structlog

from retrieval_operator.derive.status import reason_of
from retrieval_operator.facts import Asking, HttpFetch, Hub
from retrieval_operator.metrics import Metrics, Reading
from retrieval_operator.reconcile import (
    Applier,
    Lasting,
    Looking,
    Measuring,
    Planning,
    Reconciler,
    Seams,
)
from retrieval_operator.reconcile.models import Ask, Models
from retrieval_operator.render import Context
from retrieval_operator.runtime.client import Client, connect
from retrieval_operator.runtime.controller import Controller
from retrieval_operator.runtime.health import Health, Pulse, application, judge, listening
from retrieval_operator.runtime.informer import Hearing, Informer
from retrieval_operator.runtime.kinds import Place
from retrieval_operator.runtime.leader import Leader
from retrieval_operator.runtime.lease import LeaseFile
from retrieval_operator.runtime.places import Wanted
from retrieval_operator.runtime.reflector import Reflector
from retrieval_operator.runtime.workqueue import Workqueue
from retrieval_operator.runtime.writer import Writer
from retrieval_operator.settings import Settings
from retrieval_operator.spec.status import Status
from retrieval_operator.waking import Waker
from retrieval_operator.warmups import WarmUps
from retrieval_operator.world import (
    CHILDREN,
    DEPLOYMENT,
    INFERENCE_SERVICE,
    NODE,
    POD,
    SERVICE,
    Key,
    Store,
    ref_of,
)
from retrieval_operator.world.kinds import FIELD_MANAGER, OURS
from retrieval_operator.world.slim import trimmed

_KINDS: Final = (SERVICE, NODE, POD, DEPLOYMENT, *CHILDREN)
_ALL_OF: Final = frozenset({SERVICE, NODE, INFERENCE_SERVICE})
"""Everything we rendered carries our label, and so do KServe's Deployments and their pods.
InferenceServices are all followed, so that one of a name we need is seen whoever made it."""

READINGS: Final = {
    "leader": "1 while this replica leads.",
    "queue_depth": "Services that wait for a pass.",
    "queue_delayed": "Services that wait for their time.",
    "queue_running": "Passes in progress.",
    "queue_oldest_seconds": "How long the oldest service has waited for a pass.",
    "queue_added": "Services put into the queue so far.",
    "queue_retried": "Passes repeated after a failure so far.",
    "watch_runs": "Runs of the watch begun so far: one for kinds of the same namespaces.",
    "watch_silence_seconds": "Age of the last thing that the watch heard.",
    "watch_gaps": "Collections that may not be followed: a kind, in one namespace or in all.",
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
        self._queue: Workqueue[Key] = Workqueue()
        client = connect(configuration, settings.api_timeout_seconds, metrics.requested)
        self._leader = self._candidate(configuration)
        writer = Writer(client, FIELD_MANAGER, self._lead_s, ref_of)
        self._applier = Applier(writer, world, metrics)
        self._waker = Waker(self._queue, world, settings.node_debounce_seconds)
        self._informer = self._informed(client, configuration)
        self._warm_ups = WarmUps()
        lasting = Lasting(lambda: datetime.now(UTC))
        seams = Seams(
            world=world,
            cluster=writer,
            looking=Looking(world, Planning(world), Models(self._hub()).facts, lasting),
            applier=self._applier,
            measuring=Measuring(self._warm_ups.ask, self._look_at),
            lasting=lasting,
            context=self._context,
            recorder=Ledger(metrics),
            instance=settings.identity,
        )
        self._reconciler = Reconciler(seams)
        self._controller = Controller(
            self._queue,
            self._reconciler.reconcile,
            self._may_pass,
            metrics.passed,
            settings.workers,
        )
        metrics.watch(world, self._readings())

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until told to stop; then finish passes, give the lease back, and close.

        Raises:
            OSError: The HTTP port is taken.
        """
        settings = self._settings
        app = application(self._health, self._metrics.exposition)
        async with listening(app, settings.http_host, settings.http_port):
            log.info("started", namespaces=settings.namespaces or "all", **self._names())
            loops = [self._informer.keep()]
            if self._leader is not None:
                loops.append(self._leader.campaign())
            await self._controller.run(stop, loops, self._resign)

    async def _resign(self) -> None:
        self._warm_ups.close()
        if self._leader is not None:
            await self._leader.resign()

    def _candidate(self, configuration: Any) -> Leader | None:
        settings = self._settings
        if not settings.leader_election:
            return None
        patience_s = settings.lease_seconds / 3
        client = connect(configuration, patience_s, self._metrics.requested)
        lease = LeaseFile(client, settings.lease_namespace, settings.lease_name)
        return Leader(lease, settings.identity, settings.lease_seconds, self._leads)

    def _informed(self, client: Client, configuration: Any) -> Informer:
        settings = self._settings
        wanted = Wanted(
            _KINDS,
            {kind: OURS for kind in _KINDS if kind not in _ALL_OF},
            settings.namespaces,
            settings.resync_seconds,
            settings.stall_seconds / 2,
        )
        return Informer(
            wanted,
            client,
            self._world,
            Hearing(self._waker.event, self._complete, self._resynced),
            lambda scope, sink: Reflector(scope, configuration, sink, trimmed, wanted.silence_s),
        )

    def _leads(self, leads: bool) -> None:
        log.info("leading" if leads else "not leading", **self._names())
        if leads:
            self._applier.forget()
            self._waker.wake(self._world.keys())
        else:
            self._queue.clear()

    def _complete(self, place: Place) -> None:
        """Passes that waited for this place are due."""
        holds = self._informer.coverage.holds
        self._waker.wake(
            key
            for key in self._world.names(SERVICE)
            if place.holds(key.namespace) and holds(key.namespace)
        )

    def _resynced(self) -> None:
        """One pass over each service before the next resync, and not all at once."""
        self._waker.wake_within(self._world.keys(), self._settings.resync_seconds / 2)

    def _look_at(self, key: Key, after_s: float) -> None:
        self._queue.add_after(key, after_s)

    def _lead_s(self) -> float:
        return float("inf") if self._leader is None else self._leader.lead_s()

    def _may_pass(self, key: Key) -> bool:
        return self._lead_s() > 0 and self._informer.coverage.holds(key.namespace)

    def _context(self) -> Context:
        settings = self._settings
        is_chosen = "predictor_image" in settings.model_fields_set
        return Context(
            image=settings.predictor_image,
            api_versions=self._informer.apis,
            prometheus_url=settings.prometheus_url,
            is_image_chosen=is_chosen,
            domain_template=settings.domain_template,
            defaults=settings.predictor_defaults,
        )

    def _names(self) -> dict[str, str]:
        settings = self._settings
        return {"identity": settings.identity, "lease": settings.lease_name}

    def _health(self) -> Health:
        now_s = asyncio.get_running_loop().time()
        informer, coverage = self._informer, self._informer.coverage
        gaps = tuple(f"{place}: {why}" for place, why in coverage.gaps)
        is_blind = coverage.has_listed and not coverage.follows(SERVICE)
        pulse = Pulse(
            reachable_s=_age(informer.reachable_since_s, now_s),
            news_s=_age(informer.news_s, now_s),
            oldest_s=self._queue.oldest_s(),
            passed_s=now_s - self._controller.last_pass_s,
            has_listed=coverage.has_listed,
            blind="no RetrievalService can be followed" if is_blind else "",
            gaps=gaps,
        )
        return judge(pulse, self._settings.stall_seconds)

    def _readings(self) -> tuple[Reading, ...]:
        queue, informer = self._queue, self._informer
        values: dict[str, Callable[[], float]] = {
            "leader": lambda: float(self._lead_s() > 0),
            "queue_depth": lambda: queue.depth,
            "queue_delayed": lambda: queue.delayed,
            "queue_running": lambda: queue.running,
            "queue_oldest_seconds": queue.oldest_s,
            "queue_added": lambda: queue.added,
            "queue_retried": lambda: queue.retried,
            "watch_runs": lambda: informer.runs,
            "watch_silence_seconds": self._silence_s,
            "watch_gaps": lambda: len(informer.coverage.gaps),
        }
        return tuple(Reading(name, text, values[name]) for name, text in READINGS.items())

    def _hub(self) -> Ask | None:
        """Who is asked about models that no table has; services are woken when it answers."""
        settings, loop = self._settings, asyncio.get_running_loop()
        if not settings.hub_lookup:
            return None
        within_s = settings.hub_timeout_seconds
        hub = Hub(HttpFetch(within_s), settings.hub_endpoint, within_s)

        def wake(key: Key) -> None:
            loop.call_soon_threadsafe(self._queue.add, key)

        return Asking[Key](hub.facts, wake, within_s).ask

    def _silence_s(self) -> float:
        return _age(self._informer.news_s, asyncio.get_running_loop().time()) or 0.0


def stop_on_signals(stop: asyncio.Event) -> None:
    """End on SIGTERM and SIGINT."""
    loop = asyncio.get_running_loop()
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)


def _age(since_s: float | None, now_s: float) -> float | None:
    return None if since_s is None else max(0.0, now_s - since_s)
