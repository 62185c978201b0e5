"""The objects the watch has seen, found by what a pass asks for. Safe to use from any thread.

Documents are shared, not copied: whoever reads one must not change it. An older version of an
object never replaces a newer one, so the answer to a write can be stored before its event arrives.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping
from typing import Any, Final

from retrieval_operator.world.kinds import SERVICE, Key, Kind

Document = Mapping[str, Any]

INSTANCE_LABEL: Final = "app.kubernetes.io/instance"
MANAGED_BY: Final = {"app.kubernetes.io/managed-by": "retrieval-operator"}
"""Label of everything rendered; KServe copies it to Deployments and pods."""

_Name = tuple[str, str]


def owner_of(kind: Kind, document: Document) -> Key | None:
    """The service that an object is or belongs to; None where it belongs to none, as a Node."""
    metadata = document.get("metadata") or {}
    namespace = metadata.get("namespace") or ""
    if kind == SERVICE:
        return Key(namespace, metadata.get("name") or "")
    labels = metadata.get("labels") or {}
    name = labels.get(INSTANCE_LABEL)
    is_ours = MANAGED_BY.items() <= labels.items()
    return Key(namespace, name) if is_ours and name else None


class Store:
    """Everything seen, by kind; `is_complete` once every kind has been listed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._objects: dict[Kind, dict[_Name, Document]] = defaultdict(dict)
        self._owned: dict[tuple[Kind, Key], set[_Name]] = defaultdict(set)
        self.is_complete = False

    def put(self, kind: Kind, document: Document) -> bool:
        """Remember an object; False where what is known of it is as new or newer."""
        with self._lock:
            return self._put(kind, document)

    @property
    def is_empty(self) -> bool:
        """Whether nothing has been seen."""
        with self._lock:
            return not any(self._objects.values())

    def drop(self, kind: Kind, document: Document) -> None:
        """Forget an object, unless a newer one has taken its name."""
        name = _name(document)
        with self._lock:
            known = self._objects[kind].get(name)
            if known is not None and _uid(known) == _uid(document):
                self._forget(kind, name)

    def replace(self, seen: Store) -> set[Key]:
        """Become what a fresh listing has seen; every service that was or is known comes back.

        What was written after the listing is kept where it is newer.
        """
        with self._lock, seen._lock:
            keys = self._keys()
            before = self._objects
            self._objects, self._owned = defaultdict(dict), defaultdict(set)
            for kind, objects in seen._objects.items():
                for name, document in objects.items():
                    known = before.get(kind, {}).get(name)
                    if known is not None:
                        self._put(kind, known)
                    self._put(kind, document)
            self.is_complete = True
            return keys | self._keys()

    def get(self, kind: Kind, namespace: str, name: str) -> Document | None:
        """One object, or None."""
        with self._lock:
            return self._objects[kind].get((namespace, name))

    def service(self, key: Key) -> Document | None:
        """The RetrievalService of that name, or None."""
        return self.get(SERVICE, key.namespace, key.name)

    def owned(self, kind: Kind, key: Key) -> tuple[Document, ...]:
        """The objects of this kind that carry the labels of one service, by name."""
        with self._lock:
            names = sorted(self._owned.get((kind, key), ()))
            return tuple(self._objects[kind][name] for name in names)

    def all(self, kind: Kind) -> tuple[Document, ...]:
        """Every object of a kind."""
        with self._lock:
            return tuple(self._objects[kind].values())

    def keys(self) -> set[Key]:
        """Every RetrievalService."""
        with self._lock:
            return self._keys()

    def _keys(self) -> set[Key]:
        return {Key(*name) for name in self._objects[SERVICE]}

    def _put(self, kind: Kind, document: Document) -> bool:
        name = _name(document)
        known = self._objects[kind].get(name)
        if known is not None and _is_old(document, known):
            return False
        self._forget(kind, name)
        self._objects[kind][name] = document
        owner = owner_of(kind, document)
        if owner is not None:
            self._owned[kind, owner].add(name)
        return True

    def _forget(self, kind: Kind, name: _Name) -> None:
        known = self._objects[kind].pop(name, None)
        owner = owner_of(kind, known) if known is not None else None
        if owner is not None:
            self._owned[kind, owner].discard(name)
            if not self._owned[kind, owner]:
                del self._owned[kind, owner]


def _name(document: Document) -> _Name:
    metadata = document["metadata"]
    return str(metadata.get("namespace") or ""), str(metadata["name"])


def _uid(document: Document) -> str:
    return str(document["metadata"].get("uid") or "")


def _is_old(document: Document, known: Document) -> bool:
    return _uid(known) == _uid(document) and _version(document) <= _version(known)


def _version(document: Document) -> int:
    """Resource versions of one resource are ordered decimal integers.

    Source: Kubernetes documentation, "API concepts", section "Resource versions".
    """
    written = str(document["metadata"].get("resourceVersion") or "0")
    return int(written) if written.isascii() and written.isdigit() else 0
