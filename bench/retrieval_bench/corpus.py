"""What is sent: texts of a known length, the same for a seed and different for every request.

Text number t begins with three words that spell t in base 256 (scrambled, so that neighbours do
not share a prefix), hence no cache of results, prefixes or tokens can flatter a server, unless
`distinct` asks for repeats. The words after them are a stretch of one long random sequence, so that
long texts cost the client little. Everything follows from the seed and the request's number, so any
client process can make any request, and two runs send the same bytes.
"""

from __future__ import annotations

import math
import random
import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal, Protocol

from retrieval_bench.errors import UnknownWorkload
from retrieval_bench.words import WORDS

TEXTS_APART = len(WORDS) ** 3
"""Texts after which the three leading words begin to repeat: 16 777 216."""

_SPREAD = 10_368_889
"""Odd, so multiplying by it modulo 256³ is a bijection; near 256³ / golden ratio, so it mixes."""

_COPIES_APART = 5_592_407
"""About a third of 256³, so that copies of one text differ in their leading words."""

_QUERY_WORDS = 8
_SEQUENCE_WORDS = 4096


@dataclass(frozen=True, slots=True)
class Request:
    """The words of one request: `texts` to embed, or to score against `query`."""

    query: str
    texts: tuple[str, ...]


class Corpus(Protocol):
    """Where requests come from; the same index gives the same request."""

    def request(self, index: int) -> Request:
        """Request number `index`, from 0."""


@dataclass(frozen=True, slots=True)
class Workload:
    """The length of texts in words: fixed, uniform, or log-normal (median 60, sigma 0.6, cut)."""

    name: str
    shape: Literal["fixed", "uniform", "lognormal"]
    shortest_words: int
    longest_words: int


def workload(name: str) -> Workload:
    """The workload of that name: `q8`, `d100` or any `q`/`d` + words, `mix`, `lognormal`.

    Raises:
        UnknownWorkload: The name is none of these, or texts would have fewer than three words.
    """
    if name == "mix":
        return Workload(name, "uniform", 20, 200)
    if name == "lognormal":
        return Workload(name, "lognormal", 8, 400)
    found = re.fullmatch(r"[qd](\d{1,5})", name)
    words = int(found[1]) if found else 0
    if words < 3:
        raise UnknownWorkload(name)
    return Workload(name, "fixed", words, words)


@dataclass(frozen=True, slots=True)
class Synthetic:
    """Texts made of built-in words; `distinct` requests, then the same again (None: never).

    Copies of a corpus have texts of the same lengths in other words, so that a server which is
    loaded twice for one comparison finds none of them in its cache.
    """

    workload: Workload
    texts_per_request: int
    seed: int
    distinct: int | None = None
    copy: int = 0

    def request(self, index: int) -> Request:
        """Request number `index`; its query and texts occur in no other, but for `distinct`."""
        number = index % self.distinct if self.distinct else index
        chance = random.Random(self.seed << 40 | number)
        first = number * (self.texts_per_request + 1)
        return Request(
            query=self._text(first, _QUERY_WORDS, chance),
            texts=tuple(
                self._text(first + 1 + row, _length(self.workload, chance), chance)
                for row in range(self.texts_per_request)
            ),
        )

    def _text(self, number: int, words: int, chance: random.Random) -> str:
        size = len(WORDS)
        place = (number * _SPREAD + self.seed + self.copy * _COPIES_APART) % TEXTS_APART
        leading = (WORDS[place // size**2], WORDS[place // size % size], WORDS[place % size])
        sequence = _sequence(self.seed, 4 * max(self.workload.longest_words, _SEQUENCE_WORDS))
        start = chance.randrange(len(sequence) - words)
        return " ".join(leading + sequence[start : start + words - len(leading)])


@dataclass(frozen=True, slots=True)
class Lines:
    """Texts of the user's own, one a line, in turn; the query is the line before the texts."""

    lines: tuple[str, ...]
    texts_per_request: int

    def request(self, index: int) -> Request:
        """Request number `index`; after the last line comes the first."""
        first = index * (self.texts_per_request + 1)
        query, *texts = (
            self.lines[(first + row) % len(self.lines)] for row in range(self.texts_per_request + 1)
        )
        return Request(query, tuple(texts))


def in_other_words(corpus: Corpus, copy: int) -> Corpus:
    """The corpus for the server number `copy` of a comparison; own texts stay as they are."""
    return replace(corpus, copy=copy) if isinstance(corpus, Synthetic) else corpus


@cache
def _sequence(seed: int, words: int) -> tuple[str, ...]:
    return tuple(random.Random(seed).choices(WORDS, k=words))


def _length(shape: Workload, chance: random.Random) -> int:
    if shape.shape == "fixed":
        return shape.longest_words
    if shape.shape == "uniform":
        return chance.randint(shape.shortest_words, shape.longest_words)
    drawn = round(chance.lognormvariate(math.log(60), 0.6))
    return min(max(drawn, shape.shortest_words), shape.longest_words)
