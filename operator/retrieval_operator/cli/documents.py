"""Read YAML or JSON files that people name on the command line."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Final

import yaml

from retrieval_operator.errors import AuthorError, Problem, SpecError
from retrieval_operator.spec.parsing import parse
from retrieval_operator.spec.service import KIND, RetrievalService

STDIN: Final = "-"
_MAX_BYTES: Final = 64 * 2**20
_SUFFIXES: Final = frozenset({".yaml", ".yml", ".json"})


@dataclass(eq=False)
class BadFile(AuthorError):
    """A file that cannot be read, or does not hold what was asked for."""

    code: ClassVar[str] = "BadFile"
    name: str
    problem: str

    def __str__(self) -> str:
        return f"{self.name}: {self.problem}"


def read_services(names: Iterable[str]) -> tuple[RetrievalService, ...]:
    """Every RetrievalService in these files and folders, `-` being standard input.

    Other kinds are skipped.

    Raises:
        BadFile: A file cannot be read, is not YAML, holds no RetrievalService, or holds one that
            breaks the schema or a rule; the message names every problem.
    """
    services: list[RetrievalService] = []
    for name in names:
        found = [
            _service(file, document)
            for file in _files(name)
            for document in _objects(read_documents(file))
        ]
        if not found:
            raise BadFile(name, f"no {KIND} in it")
        services += found
    return tuple(services)


def _files(name: str) -> tuple[str, ...]:
    """The file itself, or those of a folder that kubectl would take."""
    folder = Path(name)
    if name == STDIN or not folder.is_dir():
        return (name,)
    return tuple(str(file) for file in sorted(folder.iterdir()) if file.suffix in _SUFFIXES)


def read_documents(name: str) -> tuple[Any, ...]:
    """The documents of one YAML or JSON file.

    Raises:
        BadFile: It cannot be read, or it is not YAML.
    """
    try:
        return tuple(yaml.safe_load_all(_text(name)))
    except yaml.YAMLError as error:
        raise BadFile(name, f"not YAML: {_short(error)}") from error
    except RecursionError as error:
        raise BadFile(name, "nested too deep") from error


def _text(name: str) -> str:
    try:
        if name == STDIN:
            return sys.stdin.read(_MAX_BYTES)
        if Path(name).stat().st_size > _MAX_BYTES:
            raise BadFile(name, f"larger than {_MAX_BYTES} bytes")
        return Path(name).read_text(encoding="utf-8")
    except OSError as error:
        raise BadFile(name, error.strerror or "cannot be read") from error
    except UnicodeDecodeError as error:
        raise BadFile(name, "not UTF-8") from error


def _short(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
    return place + str(getattr(error, "problem", None) or "cannot be parsed")


def _objects(documents: Iterable[Any]) -> Iterator[Mapping[str, Any]]:
    for document in documents:
        if isinstance(document, Mapping) and isinstance(document.get("items"), list):
            yield from _objects(document["items"])
        elif isinstance(document, Mapping) and document.get("kind") == KIND:
            yield document


def _scheme(problem: Problem) -> str:
    """A name of the hub without its scheme is the commonest of all wrong addresses."""
    name = problem.got.strip('"')
    is_name = re.fullmatch(r"[\w.-]+/[\w.-]+", name) is not None
    is_address = problem.path.endswith(".model.uri")
    return f"; did you mean hf://{name}?" if is_address and is_name else ""


def _service(name: str, document: Mapping[str, Any]) -> RetrievalService:
    try:
        return parse(document)
    except SpecError as error:
        metadata = document.get("metadata")
        called = metadata.get("name") if isinstance(metadata, Mapping) else None
        listed = "\n".join(f"  {problem}{_scheme(problem)}" for problem in error.problems)
        raise BadFile(name, f"{KIND} {called or 'without a name'}:\n{listed}") from error
