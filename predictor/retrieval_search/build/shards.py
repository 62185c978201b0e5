"""What a build has so far: passages with their vectors, a file for so many, each whole or absent.

A build that was killed goes on behind its last file. The passages are read again and their digest
compared, so a source that changed meanwhile is noticed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import orjson
import pyarrow as pa

from retrieval_search.errors import AnotherBuild
from retrieval_search.index.columns import PASSAGE_SCHEMA, passage_batch, write_batches
from retrieval_search.index.files import settle, settle_folder, write_whole
from retrieval_search.index.space import Space, check_same
from retrieval_search.passages.passage import Passage
from retrieval_search.ranking.fusion import Floats

_DIGEST = b"passages"
_PLAN = "plan.json"


@dataclass(frozen=True, slots=True)
class Plan:
    """What a build was begun with; another build does not go on with its shards."""

    source: str
    max_tokens: int
    overlap_tokens: int
    shard_passages: int


@dataclass(frozen=True, slots=True)
class Shard:
    """A file of a build."""

    file: Path

    def passages(self) -> Any:
        """Its passages, as a record batch of the version's schema."""
        with pa.memory_map(str(self.file)) as source, pa.ipc.open_file(source) as reader:
            batch = reader.get_batch(0)
            return pa.record_batch(batch.columns[:-1], schema=PASSAGE_SCHEMA)

    def vectors(self) -> Floats:
        """Its vectors, a row a passage."""
        reader = pa.ipc.open_file(pa.memory_map(str(self.file)))
        column = reader.get_batch(0).column("vector")
        flat = column.flatten().to_numpy(zero_copy_only=True)
        return np.asarray(flat).reshape(len(column), -1)

    @property
    def count(self) -> int:
        """Its passages."""
        with pa.memory_map(str(self.file)) as source, pa.ipc.open_file(source) as reader:
            return int(reader.get_batch(0).num_rows)

    @property
    def digest(self) -> bytes:
        """The digest of its passages."""
        with pa.memory_map(str(self.file)) as source, pa.ipc.open_file(source) as reader:
            return bytes(reader.schema.metadata[_DIGEST])


@dataclass(frozen=True, slots=True)
class Workplace:
    """The folder of a build."""

    folder: Path

    def begin(self, plan: Plan, space: Space) -> Space:
        """Begin, or go on with what lies there; gives the space that it was begun in.

        Raises:
            AnotherBuild: What lies there was begun with something else.
            AnotherSpace: It was begun with another embedder.
        """
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / _PLAN
        if not file.exists():
            canaries = space.canaries.tolist()
            begun = {"plan": plan, "space": space.name, "canaries": canaries}
            write_whole(file, orjson.dumps(begun))
            return space
        begun = orjson.loads(file.read_bytes())
        self._compare(Plan(**begun["plan"]), plan)
        first = Space(begun["space"], np.asarray(begun["canaries"], np.float32))
        check_same(first, space)
        return first

    def _compare(self, begun: Plan, plan: Plan) -> None:
        for field in fields(Plan):
            values = str(getattr(begun, field.name)), str(getattr(plan, field.name))
            if values[0] != values[1]:
                raise AnotherBuild(str(self.folder), field.name, *values)

    def shards(self) -> Iterator[Shard]:
        """The shards that are there, up to the first that is not."""
        number = 0
        while (file := self._file(number)).exists():
            yield Shard(file)
            number += 1

    def keep(self, number: int, passages: Sequence[Passage], vectors: Floats) -> None:
        """Write a shard; from here on it survives anything but the disk's end."""
        columns = passage_batch(passages).columns
        values = pa.array(np.ascontiguousarray(vectors, np.float32).ravel())
        rows = pa.FixedSizeListArray.from_arrays(values, vectors.shape[1])
        schema = PASSAGE_SCHEMA.append(pa.field("vector", rows.type))
        schema = schema.with_metadata({_DIGEST: digest_of(passages)})
        file = self._file(number)
        partial = file.with_suffix(".partial")
        write_batches(partial, schema, [pa.record_batch([*columns, rows], schema=schema)])
        settle(partial)
        partial.replace(file)
        settle_folder(self.folder)

    def check(self, number: int, shard: Shard, passages: Sequence[Passage]) -> None:
        """See that a shard holds these passages.

        Raises:
            AnotherBuild: The source has changed since it was made.
        """
        found = digest_of(passages)
        if shard.digest != found:
            values = shard.digest.hex()[:12], found.hex()[:12]
            raise AnotherBuild(str(self.folder), f"shard {number} of passages", *values)

    def _file(self, number: int) -> Path:
        return self.folder / f"{number:06d}.arrow"


def digest_of(passages: Sequence[Passage]) -> bytes:
    """What tells these passages from others."""
    digest = blake2b(digest_size=16)
    for one in passages:
        record = [one.id, one.title, one.url, one.text, dict(one.metadata)]
        digest.update(orjson.dumps(record, default=str))
    return digest.digest()
