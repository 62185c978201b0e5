"""Passages out of files, in an order that is the same in every run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq

from retrieval_search.errors import BadPassage
from retrieval_search.passages.chunking import Chunking, chunks
from retrieval_search.passages.passage import Passage

_OURS = ("id", "_id", "text", "title", "url", "metadata")
_TEXTS = {".md", ".markdown", ".txt", ".rst"}


def read_passages(source: Path, chunking: Chunking) -> Iterator[Passage]:
    """Every passage of a .jsonl or .parquet file or of a folder of text and Markdown.

    A line or row is one passage: `id` (or `_id`), `text`, and if it likes `title`, `url` and
    `metadata`; any other field is metadata too. Files of a folder are cut into passages.

    Raises:
        BadPassage: The source is nothing of this, or a record of it is no passage.
    """
    if source.is_dir():
        yield from _folder(source, chunking)
    elif source.suffix in {".jsonl", ".ndjson"}:
        yield from _json_lines(source)
    elif source.suffix == ".parquet":
        yield from _parquet(source)
    else:
        detail = "wanted a folder, a .jsonl or a .parquet file"
        raise BadPassage(str(source), 0, detail if source.exists() else f"not there; {detail}")


def _json_lines(source: Path) -> Iterator[Passage]:
    with source.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                record = orjson.loads(line)
            except orjson.JSONDecodeError as error:
                raise BadPassage(str(source), number, f"not JSON: {error}") from None
            yield _passage(source, number, record)


def _parquet(source: Path) -> Iterator[Passage]:
    number = 0
    with pq.ParquetFile(source) as file:
        for batch in file.iter_batches(batch_size=4096):
            for record in batch.to_pylist():
                number += 1
                yield _passage(source, number, record)


def _passage(source: Path, number: int, record: Any) -> Passage:
    if not isinstance(record, dict):
        raise BadPassage(str(source), number, "not an object")
    key = record.get("id", record.get("_id"))
    text = record.get("text")
    if not isinstance(key, str | int) or isinstance(key, bool) or key == "":
        raise BadPassage(str(source), number, "'id' is missing or no string")
    if not isinstance(text, str) or not text.strip():
        raise BadPassage(str(source), number, "'text' is missing or empty")
    return Passage(
        id=str(key),
        text=text,
        title=str(record.get("title") or ""),
        url=str(record.get("url") or ""),
        metadata=_metadata(source, number, record),
    )


def _metadata(source: Path, number: int, record: Mapping[str, Any]) -> dict[str, Any]:
    inner = record.get("metadata") or {}
    if not isinstance(inner, dict):
        raise BadPassage(str(source), number, "'metadata' is no object")
    outer = {name: value for name, value in record.items() if name not in _OURS}
    return {name: value for name, value in {**outer, **inner}.items() if value is not None}


def _folder(folder: Path, chunking: Chunking) -> Iterator[Passage]:
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in _TEXTS and file.is_file():
            yield from _document(file, file.relative_to(folder).as_posix(), chunking)


def _document(file: Path, name: str, chunking: Chunking) -> Iterator[Passage]:
    document = file.read_text(encoding="utf-8", errors="replace")
    for number, chunk in enumerate(chunks(document, chunking)):
        title = " › ".join(chunk.path) or name
        metadata = {"path": name, "part": number}
        yield Passage(f"{name}#{number}", chunk.text, title=title, url=name, metadata=metadata)
