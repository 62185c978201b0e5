"""The store of everything a pass over a RetrievalService reads."""

from __future__ import annotations

from retrieval_operator.inventory import Node
from retrieval_operator.runtime.kinds import Document, Key, Kind
from retrieval_operator.runtime.store import Store as Objects
from retrieval_operator.world.kinds import NODE, SERVICE, owner_of
from retrieval_operator.world.nodes import facts_of
from retrieval_operator.world.slim import kept


class Store(Objects):
    """The runtime's store, with services by name and nodes as facts."""

    def __init__(self) -> None:
        super().__init__(owner_of, kept)
        self._nodes: tuple[Node, ...] | None = ()

    def service(self, key: Key) -> Document | None:
        """The RetrievalService of that name, or None."""
        return self.get(SERVICE, key.namespace, key.name)

    def keys(self) -> set[Key]:
        """Every RetrievalService."""
        return self.names(SERVICE)

    def nodes(self) -> tuple[Node, ...]:
        """All nodes as a plan reads them: the very same tuple until one of them changes."""
        with self._lock:
            if self._nodes is None:
                found = map(facts_of, self._objects[NODE].values())
                self._nodes = tuple(node for node in found if node is not None)
            return self._nodes

    def _replace(
        self, kind: Kind, name: tuple[str, str], before: Document | None, after: Document | None
    ) -> None:
        super()._replace(kind, name, before, after)
        if kind == NODE and _facts(before) != _facts(after):
            self._nodes = None


def _facts(document: Document | None) -> Node | None:
    return facts_of(document) if document is not None else None
