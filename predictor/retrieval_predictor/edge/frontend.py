"""What one API worker process holds: settings, the engines' addresses, and the way to an answer."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass

import structlog

from retrieval_predictor.edge import socket_name
from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.edge.budget import Budget
from retrieval_predictor.edge.engines import Engines
from retrieval_predictor.edge.keys import Keys
from retrieval_predictor.edge.remote import RemoteEngine
from retrieval_predictor.edge.tracing import Tracing, wanted
from retrieval_predictor.errors import UnknownModel, UnknownVersion
from retrieval_predictor.settings import Component, Settings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Frontend:
    """Everything a route needs."""

    settings: Settings
    engine: Engines
    answerer: Answerer
    keys: Keys
    budget: Budget
    tracing: Tracing | None = None

    @property
    def is_embedder(self) -> bool:
        """Whether this predictor makes vectors; otherwise it scores documents."""
        return self.settings.component is Component.EMBEDDER

    @property
    def task(self) -> str:
        """The task label of metrics."""
        return "embed" if self.is_embedder else "rerank"

    def accept_model(self, asked: str | None, version: str | None = None) -> None:
        """Check the model a body or a path names: the served name, or the checkpoint's address.

        Raises:
            UnknownModel: It is neither.
            UnknownVersion: A version is named; a model is served without versions.
        """
        uri = self.settings.model.uri
        if asked and asked not in {self.settings.name, uri, uri.partition("://")[2]}:
            raise UnknownModel(asked, self.settings.name)
        if version:
            raise UnknownVersion(version, self.settings.name)


def build(settings: Settings) -> Frontend:
    """A frontend for the engines whose sockets lie in the runtime folder."""
    sockets = [settings.runtime_dir / socket_name(one) for one in range(settings.engine_count)]
    engines = Engines([RemoteEngine(socket) for socket in sockets])
    keys = Keys(settings.auth.api_keys_file, time.monotonic)
    budget = Budget(settings.limits.max_requests, settings.limits.max_held_bytes)
    tracing = open_tracing(settings, os.environ)
    return Frontend(settings, engines, Answerer(engines), keys, budget, tracing)


def open_tracing(settings: Settings, environment: Mapping[str, str]) -> Tracing | None:
    """The way to the collector that the process's environment names; None where it names none.

    What is wrong with it is logged: a service does not stand still because nobody can watch it.
    """
    if not wanted(environment):
        return None
    try:
        from retrieval_predictor.edge.spans import open_spans  # noqa: PLC0415  (only where it is wanted)

        return open_spans(f"retrieval-{settings.component.value}", environment)
    except ImportError as error:
        log.warning("tracing_off", cause=str(error), remedy="install the extra 'tracing'")
    except ValueError as error:
        log.warning("tracing_off", cause=str(error))
    return None
