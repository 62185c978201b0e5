"""The terms of a text, alike for passages and queries."""

from __future__ import annotations

import re
from functools import cache

import Stemmer

LANGUAGES = ("none", *Stemmer.algorithms())
"""Languages whose words are reduced to stems; "none" leaves words as they are."""

_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af"
_RUN = re.compile(rf"[{_CJK}]+|[^\W_{_CJK}]+")
_IS_CJK = re.compile(rf"[{_CJK}]")


def terms(text: str, language: str) -> list[str]:
    """Stems of words of two characters and more; scripts without spaces give their bigrams."""
    words: list[str] = []
    for match in _RUN.finditer(text.lower()):
        run = match.group()
        if _IS_CJK.match(run):
            words.extend(run[at : at + 2] for at in range(max(len(run) - 1, 1)))
        elif len(run) > 1:
            words.append(run)
    return words if language == "none" else _stemmed(words, language)


def _stemmed(words: list[str], language: str) -> list[str]:
    stems: list[str] = _stemmer(language).stemWords(words)
    return stems


@cache
def _stemmer(language: str) -> Stemmer.Stemmer:
    return Stemmer.Stemmer(language)
