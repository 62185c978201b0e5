"""Small collections with judgements: which passages answer which query."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DOCUMENT = re.compile(r"<DOC>\s*<DOCNO>(.+?)</DOCNO>(.*?)</DOC>", re.DOTALL)
_TOPIC = re.compile(r"<top>\s*<num>(.+?)</num>\s*<title>(.*?)</title>", re.DOTALL)
_LEAST_WORDS = 12


@dataclass(frozen=True, slots=True)
class Collection:
    """Texts by id, queries by id, and for each query the ids that answer it with their grade."""

    name: str
    texts: dict[str, str]
    queries: dict[str, str]
    judged: dict[str, dict[str, int]]


def vaswani(folder: Path) -> Collection:
    """The Vaswani NPL collection out of Terrier's TREC files."""
    documents = _DOCUMENT.findall((folder / "doc-text.trec").read_text(encoding="utf-8"))
    topics = _TOPIC.findall((folder / "query-text.trec").read_text(encoding="utf-8"))
    judged: dict[str, dict[str, int]] = {}
    for line in (folder / "qrels").read_text(encoding="utf-8").splitlines():
        query, _, document, grade = line.split()
        judged.setdefault(query, {})[document] = int(grade)
    return Collection(
        f"Vaswani ({len(documents):,} abstracts)",
        {key.strip(): " ".join(text.split()) for key, text in documents},
        {key.strip(): " ".join(text.split()).lower() for key, text in topics},
        judged,
    )


def docstrings() -> Collection:
    """Known items of the standard library: a docstring's first sentence looks for its rest."""
    texts: dict[str, str] = {}
    queries: dict[str, str] = {}
    for key, first, rest in _documented():
        texts[key] = rest
        queries[key] = first
    name = f"docstrings of Python {sys.version_info.major}.{sys.version_info.minor}"
    judged = {key: {key: 1} for key in queries}
    return Collection(f"{name} ({len(texts):,} known items)", texts, queries, judged)


def _documented() -> Iterator[tuple[str, str, str]]:
    library = Path(ast.__file__).parent
    for file in sorted(library.glob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        for node in ast.walk(tree):
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            first, _, rest = (ast.get_docstring(node) or "").partition("\n\n")
            if len(first.split()) >= 4 and len(rest.split()) >= _LEAST_WORDS:
                key = f"{file.stem}.{node.name}:{node.lineno}"
                yield key, " ".join(first.split()), " ".join(rest.split())
