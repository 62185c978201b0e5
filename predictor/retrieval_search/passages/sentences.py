"""Cut a text into sentences, and sentences into pieces of bounded length."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

Measure = Callable[[str], int]
"""How many tokens a text has."""

_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(\[]?[A-Z0-9À-Þ])|(?<=[。！？])|\n\s*\n")
_PIECE = re.compile(r"[^\W_]+|[^\s]")
_CHARACTERS_PER_TOKEN = 6
"""A longer word is more than one token; WordPiece cuts English words of 12 letters about in two."""


def estimated_tokens(text: str) -> int:
    """About as many tokens as a word-piece tokenizer makes; it never counts fewer than words."""
    sizes = (len(match.group()) for match in _PIECE.finditer(text))
    return sum(-(-size // _CHARACTERS_PER_TOKEN) for size in sizes)


def sentences(text: str) -> Iterator[str]:
    """The sentences of a text; an empty line always ends one."""
    for part in _END.split(text):
        if stripped := part.strip():
            yield stripped


def pieces(sentence: str, limit_tokens: int, measure: Measure) -> Iterator[str]:
    """The sentence itself, or its words in runs that fit; a word beyond the limit is cut."""
    if measure(sentence) <= limit_tokens:
        yield sentence
        return
    run: list[str] = []
    for word in _words(sentence, limit_tokens, measure):
        if run and measure(" ".join([*run, word])) > limit_tokens:
            yield " ".join(run)
            run = []
        run.append(word)
    if run:
        yield " ".join(run)


def _words(sentence: str, limit_tokens: int, measure: Measure) -> Iterator[str]:
    for word in sentence.split():
        if measure(word) <= limit_tokens:
            yield word
        else:
            yield from (word[at : at + limit_tokens] for at in range(0, len(word), limit_tokens))
