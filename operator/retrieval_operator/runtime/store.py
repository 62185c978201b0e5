"""The objects the watch has seen, found by what a pass asks for. Safe to use from any thread.

Documents are shared, not copied: whoever reads one must not change it. An older version of an
object never replaces a newer one, so the answer to a write can be stored before its event arrives.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Callable

from retrieval_operator.runtime.kinds import Document, Key, Kind, Place

_Name = tuple[str, str]


class Store:
    """Everything seen, by kind.

    `owner_of` says which key an object is or belongs to, `kept` what of a document stays in memory.
    """

    def __init__(
        self,
        owner_of: Callable[[Kind, Document], Key | None],
        kept: Callable[[Kind, Document], Document],
    ) -> None:
        self._owner_of = owner_of
        self._kept = kept
        self._lock = threading.Lock()
        self._objects: dict[Kind, dict[_Name, Document]] = defaultdict(dict)
        self._owned: dict[tuple[Kind, Key], set[_Name]] = defaultdict(set)

    def put(self, kind: Kind, document: Document) -> bool:
        """Remember an object; False where what is known of it is as new or newer."""
        kept = self._kept(kind, document)
        name = _name(kept)
        with self._lock:
            known = self._objects[kind].get(name)
            if known is not None and _is_old(kept, known):
                return False
            self._replace(kind, name, known, kept)
            return True

    def drop(self, kind: Kind, document: Document) -> None:
        """Forget an object, unless a newer one has taken its name."""
        name = _name(document)
        with self._lock:
            known = self._objects[kind].get(name)
            if known is not None and uid_of(known) == uid_of(document):
                self._replace(kind, name, known, None)

    def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """One object, or None."""
        with self._lock:
            return self._objects[kind].get((namespace, name))

    def owned(self, kind: Kind, key: Key) -> tuple[Document, ...]:
        """The objects of this kind that belong to a key, by name."""
        with self._lock:
            names = sorted(self._owned.get((kind, key), ()))
            return tuple(self._objects[kind][name] for name in names)

    def all(self, kind: Kind) -> tuple[Document, ...]:
        """Every object of a kind."""
        with self._lock:
            return tuple(self._objects[kind].values())

    def within(self, place: Place) -> dict[tuple[str, str], Document]:
        """The objects of one collection, by namespace and name."""
        with self._lock:
            found = self._objects[place.kind]
            return {name: one for name, one in found.items() if place.holds(name[0])}

    def names(self, kind: Kind) -> set[Key]:
        """The keys of every object of a kind."""
        with self._lock:
            return {Key(*name) for name in self._objects[kind]}

    def _replace(
        self, kind: Kind, name: _Name, before: Document | None, after: Document | None
    ) -> None:
        """Put one document in the place of another; called under the lock."""
        was = self._owner_of(kind, before) if before is not None else None
        now = self._owner_of(kind, after) if after is not None else None
        if after is None:
            self._objects[kind].pop(name, None)
        else:
            self._objects[kind][name] = after
        if was is not None and was != now:
            self._owned[kind, was].discard(name)
            if not self._owned[kind, was]:
                del self._owned[kind, was]
        if now is not None:
            self._owned[kind, now].add(name)


def uid_of(document: Document) -> str:
    """The identity of an object; another object of the same name has another."""
    return str(document["metadata"].get("uid") or "")


def version_of(document: Document) -> int:
    """Resource versions of one resource are ordered decimal integers.

    Source: Kubernetes documentation, "API concepts", section "Resource versions".
    """
    return as_version(document["metadata"].get("resourceVersion"))


def as_version(written: object) -> int:
    """A resource version as a number; 0 where there is none."""
    text = str(written or "0")
    return int(text) if text.isascii() and text.isdigit() else 0


def _name(document: Document) -> _Name:
    metadata = document["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _is_old(document: Document, known: Document) -> bool:
    return uid_of(known) == uid_of(document) and version_of(document) <= version_of(known)
