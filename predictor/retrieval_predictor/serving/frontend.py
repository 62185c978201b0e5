"""What one API worker process holds: settings, the engines' addresses, and the way to an answer."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import cache

from retrieval_predictor.answer import Answerer
from retrieval_predictor.engines import Engines
from retrieval_predictor.errors import UnknownModel
from retrieval_predictor.remote import RemoteEngine
from retrieval_predictor.serving import socket_name
from retrieval_predictor.serving.keys import Keys
from retrieval_predictor.settings import Component, Settings


@dataclass(frozen=True, slots=True)
class Frontend:
    """Everything a route needs."""

    settings: Settings
    engine: Engines
    answerer: Answerer
    keys: Keys

    @property
    def is_embedder(self) -> bool:
        """Whether this predictor makes vectors; otherwise it scores documents."""
        return self.settings.component is Component.EMBEDDER

    @property
    def task(self) -> str:
        """The task label of metrics."""
        return "embed" if self.is_embedder else "rerank"

    def accept_model(self, asked: str | None) -> None:
        """Check the model a body or a path names: the served name, or the checkpoint's address.

        Raises:
            UnknownModel: It is neither.
        """
        uri = self.settings.model.uri
        if asked and asked not in {self.settings.name, uri, uri.partition("://")[2]}:
            raise UnknownModel(asked, self.settings.name)


def build(settings: Settings) -> Frontend:
    """A frontend for the engines whose sockets lie in the runtime folder."""
    sockets = [settings.runtime_dir / socket_name(one) for one in range(settings.engine_count)]
    engines = Engines([RemoteEngine(socket) for socket in sockets])
    keys = Keys(settings.auth.api_keys_file, time.monotonic)
    return Frontend(settings, engines, Answerer(engines), keys)


@cache
def frontend() -> Frontend:
    """This process's frontend; KServe starts workers by import, so it is found by name."""
    return build(Settings())
