"""The versions of an index side by side, and the pointer that says which is served.

INDEX/CURRENT            the number of the version that is served
INDEX/versions/3/…       a version, complete since it has that name
INDEX/building/…         what a build has so far
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from retrieval_search.errors import IndexMissing
from retrieval_search.index.files import settle, settle_folder, write_whole

_POINTER = "CURRENT"


@dataclass(frozen=True, slots=True)
class Shelf:
    """An index: a folder with versions."""

    folder: Path

    @property
    def building(self) -> Path:
        """Where a build keeps what it has."""
        return self.folder / "building"

    def versions(self) -> list[int]:
        """Every published version, oldest first."""
        names = (one.name for one in (self.folder / "versions").glob("*"))
        return sorted(int(name) for name in names if name.isdigit())

    def path(self, version: int) -> Path:
        """The folder of a version."""
        return self.folder / "versions" / str(version)

    def current(self) -> int:
        """The version that is to be served.

        Raises:
            IndexMissing: None was published, or the pointer names one that is not there.
        """
        try:
            named = (self.folder / _POINTER).read_text(encoding="ascii").strip()
        except FileNotFoundError:
            raise IndexMissing(str(self.folder)) from None
        if not named.isdigit() or not self.path(int(named)).is_dir():
            known = ", ".join(map(str, self.versions())) or "none"
            detail = f"{_POINTER} names version {named[:20]!r}; there are: {known}"
            raise IndexMissing(str(self.folder), detail)
        return int(named)

    def next_version(self) -> int:
        """The number of the version that is published next."""
        return max(self.versions(), default=0) + 1

    def publish(self, complete: Path, version: int, *, is_served: bool = True) -> None:
        """Give a complete folder its name among the versions, and have it served."""
        settle(complete)
        (self.folder / "versions").mkdir(exist_ok=True)
        complete.rename(self.path(version))
        settle_folder(self.folder / "versions")
        if is_served:
            self.serve(version)

    def serve(self, version: int) -> None:
        """Have another version served, a newer or an older one.

        Raises:
            IndexMissing: It was not published.
        """
        if version not in self.versions():
            known = ", ".join(map(str, self.versions())) or "none"
            raise IndexMissing(str(self.path(version)), f"published versions: {known}")
        write_whole(self.folder / _POINTER, f"{version}\n".encode())
