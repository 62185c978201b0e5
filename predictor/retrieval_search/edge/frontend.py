"""What one API worker holds: settings, the way to an answer, and the keys in force."""

from __future__ import annotations

import time
from dataclasses import dataclass

from retrieval_predictor.edge.keys import Keys
from retrieval_search.edge.library import Library
from retrieval_search.edge.remote import SOCKET, RemoteIndex
from retrieval_search.edge.searcher import Searcher
from retrieval_search.errors import UnknownIndex
from retrieval_search.index.shelf import Shelf
from retrieval_search.settings import Settings, embedder_of, reranker_of


@dataclass(frozen=True, slots=True)
class Frontend:
    """Everything a route needs."""

    settings: Settings
    searcher: Searcher
    keys: Keys

    @property
    def index(self) -> RemoteIndex:
        """The index process."""
        return self.searcher.index

    def accept_index(self, asked: str | None) -> None:
        """Check the name of an index in a body or a path.

        Raises:
            UnknownIndex: It is not the one that is served.
        """
        if asked and asked != self.settings.served_name:
            raise UnknownIndex(asked, self.settings.served_name)


def build(settings: Settings) -> Frontend:
    """A frontend for the index process whose socket lies in the runtime folder."""
    searcher = Searcher(
        RemoteIndex(settings.runtime_dir / SOCKET),
        Library(Shelf(settings.index)),
        embedder_of(settings),
        reranker_of(settings),
    )
    return Frontend(settings, searcher, Keys(settings.auth.api_keys_file, time.monotonic))
