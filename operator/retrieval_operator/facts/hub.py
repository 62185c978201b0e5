"""Read the facts of a hf:// model from a hub over HTTP: small JSON files and safetensors headers.

What is fetched is laid out as a folder without weights (a header, then a hole of the right size),
and read like any other checkpoint. No token is sent: the operator reads no Secrets, so a gated
model has to be listed or described.
Source: Hugging Face Hub documentation, "Download files" (`/resolve/REVISION/FILE`, ranges, mirrors
through HF_ENDPOINT); safetensors README, section "Format".
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final, Protocol
from urllib.parse import quote

from retrieval_operator.facts.checkpoint import BrokenCheckpoint, read_checkpoint
from retrieval_operator.facts.model import ModelFacts, Unknown
from retrieval_operator.facts.safetensors import MAX_HEADER_BYTES
from retrieval_operator.spec.source import ModelSource

DEFAULT_ENDPOINT: Final = "https://huggingface.co"
MAX_JSON_BYTES: Final = 16 * 2**20
"""The largest index of shards on the hub is below 10 MB."""
MAX_SHARDS: Final = 256
_INDEX: Final = "model.safetensors.index.json"
_SINGLE: Final = "model.safetensors"
_LENGTH: Final = struct.Struct("<Q")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a hub answered: the status, at most as many bytes as asked for, and the file's size."""

    status: int
    body: bytes
    total_bytes: int


class Fetch(Protocol):
    """Gets bytes `first` to `last` (both included) of an address."""

    def __call__(self, url: str, first: int, last: int) -> Answer:
        """The answer, whatever its status.

        Raises:
            OSError: Nobody answered in time.
        """


class _Refused(Exception):
    """A file that must be there cannot be had."""

    def __init__(self, unknown: Unknown) -> None:
        super().__init__(unknown.why)
        self.unknown = unknown


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub, or a mirror of one, at `endpoint`.

    Calls block. All requests of one together take at most `within_s`, and the last of them as long
    as `fetch` lets it.
    """

    fetch: Fetch
    endpoint: str = DEFAULT_ENDPOINT
    within_s: float = 60.0
    clock: Callable[[], float] = time.monotonic

    def facts(self, source: ModelSource) -> ModelFacts | Unknown:
        """The facts of a hf:// model at its revision, or why they cannot be had."""
        name = source.uri.removeprefix("hf://")
        until_s = self.clock() + self.within_s
        repository = _Repository(self, name, source.revision or "main", until_s)
        try:
            with tempfile.TemporaryDirectory(prefix="retrieval-facts-") as folder:
                repository.lay_out(Path(folder))
                return read_checkpoint(Path(folder), name)
        except _Refused as refused:
            return refused.unknown
        except BrokenCheckpoint as error:
            return Unknown(f"{name} on {self.endpoint}: {error.path.name}: {error.problem}")
        except OSError as error:
            return Unknown(f"{self.endpoint} cannot be reached: {error}", is_passing=True)


@dataclass(frozen=True, slots=True)
class _Repository:
    """One model of a hub at one revision."""

    hub: Hub
    name: str
    revision: str
    until_s: float

    def lay_out(self, folder: Path) -> None:
        """Write what facts are read from."""
        self._copy("config.json", folder, is_needed=True)
        self._copy("sentence_bert_config.json", folder)
        for module in self._modules():
            self._copy(f"{module}/config.json", folder)
        for shard in self._shards(folder):
            self._header(shard, folder)

    def _modules(self) -> Iterator[str]:
        """Folders of sentence-transformers' dense layers."""
        modules = _parsed(self._get("modules.json", MAX_JSON_BYTES))
        for module in modules if isinstance(modules, list) else ():
            path = str(module.get("path", "")) if isinstance(module, dict) else ""
            if PurePosixPath(path).name == path and path.endswith("_Dense"):
                yield path

    def _shards(self, folder: Path) -> tuple[str, ...]:
        if not self._copy(_INDEX, folder):
            return (_SINGLE,)
        index = _parsed((folder / _INDEX).read_bytes())
        weights = index.get("weight_map") if isinstance(index, dict) else None
        names = sorted({str(name) for name in weights.values()}) if weights else []
        plain = [name for name in names if PurePosixPath(name).name == name]
        return tuple(plain[:MAX_SHARDS])

    def _copy(self, file: str, folder: Path, *, is_needed: bool = False) -> bool:
        body = self._get(file, MAX_JSON_BYTES, is_needed=is_needed)
        if body is None:
            return False
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(body)
        return True

    def _header(self, file: str, folder: Path) -> None:
        """The header of a safetensors file, and behind it a hole as large as the tensors."""
        prefix = self._ask(file, 0, _LENGTH.size - 1)
        if prefix.status == 404:
            return
        _require(prefix, self, file)
        (length,) = _LENGTH.unpack(prefix.body[: _LENGTH.size].ljust(_LENGTH.size, b"\0"))
        if length > MAX_HEADER_BYTES:
            raise _Refused(Unknown(f"{self.name}: {file} has a header of {length} bytes"))
        rest = self._ask(file, _LENGTH.size, _LENGTH.size + length - 1)
        _require(rest, self, file)
        (folder / file).write_bytes(prefix.body[: _LENGTH.size] + rest.body)
        os.truncate(folder / file, max(prefix.total_bytes, _LENGTH.size + len(rest.body)))

    def _get(self, file: str, most: int, *, is_needed: bool = False) -> bytes | None:
        answer = self._ask(file, 0, most - 1)
        if answer.status == 404 and not is_needed:
            return None
        _require(answer, self, file)
        return answer.body

    def _ask(self, file: str, first: int, last: int) -> Answer:
        if self.hub.clock() > self.until_s:
            raise TimeoutError(f"not all of {self.name} was read in {self.hub.within_s:g} s")
        where = f"{quote(self.name)}/resolve/{quote(self.revision, safe='')}/{quote(file)}"
        return self.hub.fetch(f"{self.hub.endpoint.rstrip('/')}/{where}", first, last)


def _require(answer: Answer, repository: _Repository, file: str) -> None:
    if answer.status in {200, 206}:
        return
    name, where = repository.name, repository.hub.endpoint
    if answer.status in {401, 403}:
        why = f"{name} on {where} is gated, private, or not there, and the operator holds no token"
    elif answer.status == 404:
        why = f"{where} has no {file} for {name} at revision {repository.revision}"
    else:
        why = f"{where} answers {answer.status} for {file} of {name}"
    raise _Refused(Unknown(why, is_passing=answer.status == 429 or answer.status >= 500))


def _parsed(body: bytes | None) -> Any:
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return None
