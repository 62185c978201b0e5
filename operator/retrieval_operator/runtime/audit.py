"""What the watch has not told: the store beside a listing of metadata.

A watch that lost its place (410 Gone) lists again and says nothing of what has vanished; one that
hangs says nothing at all. A paged listing without specs and statuses shows both at a small price.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from retrieval_operator.runtime.client import METADATA, Requests
from retrieval_operator.runtime.kinds import Document, Place
from retrieval_operator.runtime.store import as_version, version_of

_PAGE: Final = "500"
_Name = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Listing:
    """What a place holds at one version of its history: the version of each object."""

    version: int
    objects: Mapping[_Name, int]


@dataclass(frozen=True, slots=True)
class Difference:
    """What the store has and the server had not, and what it still has to be told.

    `untold` are the objects that are missing in the store, or older there than they were listed.
    """

    vanished: tuple[Document, ...]
    untold: frozenset[_Name]


def list_metadata(client: Requests, place: Place) -> Listing:
    """Name and version of every object of a place, page by page.

    Raises:
        ClusterError: The server does not answer, or may not be asked.
    """
    objects: dict[_Name, int] = {}
    query = {"limit": _PAGE} | ({"labelSelector": place.labels} if place.labels else {})
    while True:
        page = client.request("GET", place.path, query=query, accept=METADATA)
        objects.update(map(_entry, page.get("items") or ()))
        about = page.get("metadata") or {}
        if not about.get("continue"):
            return Listing(as_version(about.get("resourceVersion")), objects)
        query = {**query, "continue": str(about["continue"])}


def compare(known: Mapping[_Name, Document], listing: Listing) -> Difference:
    """The store's objects of a place beside a listing. Pure.

    An object that is not listed has vanished, unless it is newer than the listing.
    """
    vanished = tuple(
        document
        for name, document in known.items()
        if name not in listing.objects and version_of(document) <= listing.version
    )
    untold = frozenset(
        name for name, version in listing.objects.items() if not _is_told(known.get(name), version)
    )
    return Difference(vanished, untold)


def _is_told(document: Document | None, version: int) -> bool:
    return document is not None and version_of(document) >= version


def _entry(item: Mapping[str, Any]) -> tuple[_Name, int]:
    about = item["metadata"]
    name = (str(about.get("namespace") or ""), str(about["name"]))
    return name, as_version(about.get("resourceVersion"))
