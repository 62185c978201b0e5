"""Passages and their metadata in mapped Arrow files: no process holds them in memory.

`passages.arrow` has what is shown: id, title, url, text and the metadata as JSON. `filters.arrow`
has one typed column for each metadata key, which a filter passes over. Row number = id of a vector.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pyarrow as pa

from retrieval_search.index.ids import Ids, open_ids
from retrieval_search.passages.passage import Passage

PASSAGES, FILTERS = "passages.arrow", "filters.arrow"

PASSAGE_SCHEMA = pa.schema(
    [(name, pa.string()) for name in ("id", "title", "url", "text", "metadata")]
)


def passage_batch(passages: Sequence[Passage]) -> Any:
    """Passages as one record batch."""
    columns = [
        [one.id for one in passages],
        [one.title for one in passages],
        [one.url for one in passages],
        [one.text for one in passages],
        [orjson.dumps(dict(one.metadata), default=str).decode() for one in passages],
    ]
    arrays = [pa.array(column, pa.string()) for column in columns]
    return pa.record_batch(arrays, schema=PASSAGE_SCHEMA)


@dataclass(frozen=True, slots=True)
class Passages:
    """The mapped passages of one version."""

    table: Any
    filters: dict[str, Any]
    ids: Ids

    @property
    def count(self) -> int:
        """How many there are."""
        return int(self.table.num_rows)

    def at(self, row: int) -> Passage:
        """The passage of a row."""
        values = [column[row].as_py() for column in self.table.columns]
        key, title, url, text, metadata = values
        return Passage(key, text, title, url, orjson.loads(metadata))

    def row_of(self, key: str) -> int | None:
        """The row of an id; None where there is none."""
        return next(
            (row for row in self.ids.rows(key) if self.table.column("id")[row].as_py() == key), None
        )


def open_passages(folder: Path) -> Passages:
    """Map the passages of a version."""
    filters = _mapped(folder / FILTERS)
    columns = dict(zip(filters.column_names, filters.columns, strict=True))
    return Passages(_mapped(folder / PASSAGES), columns, open_ids(folder))


def _mapped(file: Path) -> Any:
    return pa.ipc.open_file(pa.memory_map(str(file))).read_all()


def write_batches(file: Path, schema: Any, batches: Iterable[Any]) -> None:
    """Write record batches, one after another, to a file that can be mapped."""
    with pa.OSFile(str(file), "wb") as sink, pa.ipc.new_file(sink, schema) as writer:
        for batch in batches:
            writer.write_batch(batch)


class Keys:
    """The type of each metadata key over all passages: number, truth, text, or list of texts.

    A key whose values are of several types has texts.
    """

    def __init__(self) -> None:
        self._kinds: dict[str, set[str]] = {}

    def see(self, metadata: dict[str, Any]) -> None:
        """Take one passage's metadata into account."""
        for key, value in metadata.items():
            self._kinds.setdefault(key, set()).add(_kind(value))

    def schema(self) -> Any:
        """The columns of `filters.arrow`."""
        return pa.schema([(key, _type(kinds)) for key, kinds in sorted(self._kinds.items())])


def filter_batches(schema: Any, metadata: Iterable[list[dict[str, Any]]]) -> Iterator[Any]:
    """Batches of metadata as typed columns."""
    for batch in metadata:
        arrays = [
            pa.array([_value(one.get(field.name), field.type) for one in batch], field.type)
            for field in schema
        ]
        # a batch without columns has no rows either
        yield pa.record_batch(arrays, schema=schema)


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    if isinstance(value, int) and abs(value) < 2**63:
        return "int"
    if isinstance(value, int | float):
        return "float"
    return "list" if isinstance(value, list) else "text"


def _type(kinds: set[str]) -> Any:
    if kinds == {"bool"}:
        return pa.bool_()
    if kinds == {"int"}:
        return pa.int64()
    if kinds <= {"int", "float"}:
        return pa.float64()
    return pa.list_(pa.string()) if kinds == {"list"} else pa.string()


def _value(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    if pa.types.is_list(kind):
        return [_text(one) for one in value]
    return _text(value) if pa.types.is_string(kind) else value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else orjson.dumps(value, default=str).decode()
