"""A document into passages: by headings, then by sentences, with an overlap in tokens."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from retrieval_search.passages.sentences import Measure, estimated_tokens, pieces, sentences

_HEADING = re.compile(r"(#{1,6})\s+(.+?)\s*#*\s*")
_FENCE = re.compile(r"\s*(```|~~~)")


@dataclass(frozen=True, slots=True)
class Chunking:
    """How long a passage may be, and how much of the one before it begins with."""

    max_tokens: int = 200
    overlap_tokens: int = 30


@dataclass(frozen=True, slots=True)
class Section:
    """What stands under one heading; `path` is that heading and those above it."""

    path: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class Chunk:
    """A passage to be: where it stands, and its text."""

    path: tuple[str, ...]
    text: str


def chunks(
    document: str, chunking: Chunking, measure: Measure = estimated_tokens
) -> Iterator[Chunk]:
    """The passages of a Markdown or plain text document, in its order."""
    for section in sections(document):
        for text in _packed(section.text, chunking, measure):
            yield Chunk(section.path, text)


def sections(document: str) -> Iterator[Section]:
    """The parts of a document between headings; a # inside a fenced block is no heading."""
    path: list[tuple[int, str]] = []
    lines: list[str] = []
    is_fenced = False
    for line in document.splitlines():
        is_fenced ^= bool(_FENCE.match(line))
        heading = None if is_fenced else _HEADING.fullmatch(line)
        if heading is None:
            lines.append(line)
            continue
        yield from _section(path, lines)
        level, lines = len(heading[1]), []
        path = [*(one for one in path if one[0] < level), (level, heading[2])]
    yield from _section(path, lines)


def _section(path: Sequence[tuple[int, str]], lines: Sequence[str]) -> Iterator[Section]:
    if text := "\n".join(lines).strip():
        yield Section(tuple(name for _, name in path), text)


def _packed(text: str, chunking: Chunking, measure: Measure) -> Iterator[str]:
    """Sentences in runs that fit; each run but the first begins with the end of the one before."""
    run: list[str] = []
    fresh = 0
    for sentence in sentences(text):
        for piece in pieces(sentence, chunking.max_tokens, measure):
            if run and measure(" ".join([*run, piece])) > chunking.max_tokens:
                yield " ".join(run)
                run, fresh = _tail(run, piece, chunking, measure), 0
            run.append(piece)
            fresh += 1
    if fresh:
        yield " ".join(run)


def _tail(run: Sequence[str], piece: str, chunking: Chunking, measure: Measure) -> list[str]:
    """The last sentences of a run that fit in the overlap, and beside the next piece."""
    tail: list[str] = []
    for sentence in reversed(run):
        longer = [sentence, *tail]
        if measure(" ".join(longer)) > chunking.overlap_tokens:
            break
        if measure(" ".join([*longer, piece])) > chunking.max_tokens:
            break
        tail = longer
    return tail
