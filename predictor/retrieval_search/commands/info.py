"""What lies in an index, for people."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from retrieval_predictor.errors import StartupError
from retrieval_search.index.manifest import Manifest, read_manifest
from retrieval_search.index.shelf import Shelf


def describe(index: Path) -> str:
    """Every version, the served one marked.

    Raises:
        IndexMissing: There is none.
    """
    shelf = Shelf(index)
    current = shelf.current()
    blocks = [_version(shelf, number, is_served=number == current) for number in shelf.versions()]
    return "\n".join(blocks)


def _version(shelf: Shelf, number: int, *, is_served: bool) -> str:
    mark = " (served)" if is_served else ""
    try:
        lines = list(_lines(read_manifest(shelf.path(number))))
    except StartupError as error:
        lines = [f"cannot be read: {error}"]
    return "\n".join([f"version {number}{mark}", *(f"  {line}" for line in lines), ""])


def _lines(manifest: Manifest) -> Iterator[str]:
    embedder = manifest.embedder
    yield f"passages    {manifest.count:,}"
    yield f"kind        {manifest.kind}, {embedder.dimensions} dimensions, {manifest.metric}"
    yield f"embedder    {embedder.title} {embedder.precision}".rstrip()
    yield f"space       {manifest.space}"
    yield f"words       {manifest.language}"
    yield f"size        {manifest.size_bytes:,} bytes in {len(manifest.files)} files"
    yield f"created     {manifest.created}"
    for one in manifest.tuning.calibration:
        mark = " (default)" if one.effort == manifest.tuning.effort else ""
        yield f"effort {one.effort:<4} recall@100 {one.recall_at_100:.3f}{mark}"
