"""One version of an index, opened: checked, mapped, ready to be searched."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from retrieval_search.errors import IndexCorrupt
from retrieval_search.index import files
from retrieval_search.index.columns import Passages, open_passages
from retrieval_search.index.manifest import Manifest, read_manifest
from retrieval_search.index.space import Space
from retrieval_search.index.vectors import Vectors
from retrieval_search.index.words import Words

CANARIES = "canaries.npy"


@dataclass(frozen=True, slots=True)
class Version:
    """Everything of a version that a search needs."""

    folder: Path
    manifest: Manifest
    space: Space
    passages: Passages
    vectors: Vectors
    words: Words


def open_version(folder: Path) -> Version:
    """Map a version.

    Raises:
        StartupError: It is not there, not complete, damaged, foreign, or cannot be shared.
    """
    manifest = read_manifest(folder)
    files.check_sizes(folder, manifest.files)
    try:
        version = Version(
            folder,
            manifest,
            Space(manifest.space, np.load(folder / CANARIES)),
            open_passages(folder),
            Vectors(folder, manifest.kind, manifest.tuning.effort),
            Words(folder, manifest.language),
        )
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise IndexCorrupt(str(folder), "one of its files", str(error)[:300]) from None
    _agree(version)
    return version


def _agree(version: Version) -> None:
    counts = {
        "passages.arrow": version.passages.count,
        "vectors.npy": len(version.vectors.full),
    }
    for name, count in counts.items():
        if count != version.manifest.count:
            detail = f"{count} rows, the manifest has {version.manifest.count}"
            raise IndexCorrupt(str(version.folder), name, detail)
