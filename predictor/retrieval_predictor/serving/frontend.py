"""What one API worker process holds: settings, the engine's address, and the way to an answer."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from retrieval_predictor.answer import Answerer
from retrieval_predictor.errors import UnknownModel
from retrieval_predictor.remote import RemoteEngine
from retrieval_predictor.serving import SOCKET_NAME
from retrieval_predictor.settings import Component, Settings


@dataclass(frozen=True, slots=True)
class Frontend:
    """Everything a route needs."""

    settings: Settings
    engine: RemoteEngine
    answerer: Answerer

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
    """A frontend for the engine whose socket lies in the runtime folder."""
    engine = RemoteEngine(Path(settings.runtime_dir) / SOCKET_NAME)
    return Frontend(settings, engine, Answerer(engine))


@cache
def frontend() -> Frontend:
    """This process's frontend; KServe starts workers by import, so it is found by name."""
    return build(Settings())
