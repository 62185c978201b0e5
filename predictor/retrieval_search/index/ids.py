"""From a passage's id to its row: hashes in order, mapped, and the rows that they belong to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import numpy as np
import numpy.typing as npt

HASHES, ROWS = "id_hashes.npy", "id_rows.npy"

Hashes = npt.NDArray[np.uint64]
Rows = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Ids:
    """The ids of a version; 16 bytes of disk each, and of memory none."""

    hashes: Hashes
    order: Rows

    def rows(self, key: str) -> list[int]:
        """The rows whose id has the hash of this one: one, as good as always."""
        wanted = np.uint64(_hash(key))
        first = int(np.searchsorted(self.hashes, wanted))
        last = int(np.searchsorted(self.hashes, wanted, side="right"))
        return [int(row) for row in self.order[first:last]]

    def same(self) -> tuple[int, int] | None:
        """Two rows with one hash; None where there are none."""
        places = np.flatnonzero(self.hashes[1:] == self.hashes[:-1])
        if not places.size:
            return None
        at = int(places[0])
        return int(self.order[at]), int(self.order[at + 1])


def index_ids(batches: Iterable[Iterable[str]]) -> Ids:
    """The ids of passages in their order."""
    parts = [np.fromiter(map(_hash, batch), np.uint64) for batch in batches]
    hashes = np.concatenate(parts) if parts else np.empty(0, np.uint64)
    order = np.argsort(hashes, kind="stable").astype(np.int64)
    return Ids(hashes[order], order)


def write_ids(folder: Path, ids: Ids) -> None:
    """Put them into a version's folder."""
    np.save(folder / HASHES, ids.hashes)
    np.save(folder / ROWS, ids.order)


def open_ids(folder: Path) -> Ids:
    """Map the ids of a version."""
    hashes, order = (np.load(folder / name, mmap_mode="r") for name in (HASHES, ROWS))
    return Ids(np.asarray(hashes), np.asarray(order))


def _hash(key: str) -> int:
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "little")
