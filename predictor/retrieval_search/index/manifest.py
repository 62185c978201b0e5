"""What an index version says of itself: `manifest.json`, the last file to be written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Literal

import orjson
from pydantic import TypeAdapter, ValidationError

from retrieval_search.errors import IndexForeign, IndexMissing

FORMAT = 1
FILE = "manifest.json"


class Kind(StrEnum):
    """How vectors are searched. Bytes a vector of d numbers: 4d, d + 8, d + 272, d/2 + 30."""

    FLAT = "Flat"
    IVF_SQ8 = "IVF_SQ8"
    HNSW_SQ8 = "HNSW_SQ8"
    IVF_RABITQ = "IVF_RABITQ"


@dataclass(frozen=True, slots=True)
class EmbedderFacts:
    """Which embedder made the vectors, in its own words, and with which prompts."""

    name: str
    dimensions: int
    uri: str = ""
    revision: str | None = None
    precision: str = ""
    query_prompt: str | None = None
    passage_prompt: str | None = None

    @property
    def title(self) -> str:
        """The embedder in one word for a message."""
        model = self.uri or self.name
        return f"{model}@{self.revision[:12]}" if self.revision else model


@dataclass(frozen=True, slots=True)
class Recall:
    """What an effort finds of the true nearest hundred, on a sample of the index's own vectors."""

    effort: int
    recall_at_100: float


@dataclass(frozen=True, slots=True)
class Tuning:
    """How hard a search looks: lists probed (IVF) or candidates kept (HNSW); 0 looks at all."""

    effort: int = 0
    calibration: tuple[Recall, ...] = ()


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a file was when it was published."""

    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """Everything there is to know before a version is opened."""

    version: int
    created: str
    count: int
    kind: Kind
    embedder: EmbedderFacts
    space: str
    language: str
    tuning: Tuning
    files: dict[str, FileFacts]
    metric: Literal["inner product"] = "inner product"
    format: int = FORMAT

    @property
    def size_bytes(self) -> int:
        """All files together."""
        return sum(file.size_bytes for file in self.files.values())

    def with_files(self, files: dict[str, FileFacts]) -> Manifest:
        """The same with these files."""
        return replace(self, files=files)


_READER = TypeAdapter(Manifest)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Put the manifest into a version's folder."""
    content = orjson.dumps(manifest, option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS)
    (folder / FILE).write_bytes(content)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a version.

    Raises:
        IndexMissing: There is none.
        IndexForeign: It is not one of ours, or of another format.
    """
    try:
        content = (folder / FILE).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        raise IndexMissing(str(folder), f"it has no {FILE}") from None
    try:
        found = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise IndexForeign(str(folder), f"{FILE} is not JSON ({error})") from None
    announced = found.get("format") if isinstance(found, dict) else None
    if announced != FORMAT:
        detail = f"its format is {announced!r}, this version reads {FORMAT}"
        raise IndexForeign(str(folder), detail)
    try:
        return _READER.validate_json(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise IndexForeign(str(folder), f"{FILE}: {where}: {first['msg']}") from None
