"""The passages of the versions that answers come from, mapped by each API worker."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field

from retrieval_search.index.columns import Passages, open_passages
from retrieval_search.index.manifest import Manifest, read_manifest
from retrieval_search.index.shelf import Shelf

_KEPT = 2
"""Versions: the served one, and the one before it while a swap is under way."""


@dataclass(frozen=True, slots=True)
class Volume:
    """What a worker needs of a version."""

    manifest: Manifest
    passages: Passages


@dataclass(slots=True)
class Library:
    """The versions that were asked for last."""

    shelf: Shelf
    _open: OrderedDict[int, Volume] = field(default_factory=OrderedDict, init=False)

    def volume(self, version: int) -> Volume:
        """A version, mapped the first time it is asked for.

        Raises:
            StartupError: It is not there any more.
        """
        found = self._open.get(version)
        if found is None:
            folder = self.shelf.path(version)
            found = Volume(read_manifest(folder), open_passages(folder))
            self._open[version] = found
            while len(self._open) > _KEPT:
                self._open.popitem(last=False)
        return found
