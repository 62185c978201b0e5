"""Passages for tests, and the command that makes an index of them."""

from __future__ import annotations

import contextlib
import io
import json
import random
import sys
from dataclasses import dataclass

from retrieval_search.commands.index import main

WORDS = [
    f"{first}{second}"
    for first in ("ba", "de", "fi", "go", "ku", "la", "mo", "ne", "pi", "ro", "su", "ta")
    for second in ("ber", "dal", "fen", "gor", "lin", "mus", "nar", "pex", "rit", "sol", "tam")
]
LANGUAGES = ("de", "en", "fr")


def _passage(number, rng):
    text = " ".join(rng.choice(WORDS) for _ in range(12))
    metadata = {"lang": LANGUAGES[number % 3], "year": 1990 + number % 40, "rare": number == 123}
    return {"id": f"p{number}", "title": f"Passage {number}", "text": text, "metadata": metadata}


def passages(count, seed=7):
    """So many passages of twelve words each, always the same."""
    rng = random.Random(seed)
    return [_passage(number, rng) for number in range(count)]


CORPUS = passages(600)


def write_jsonl(file, records):
    """A JSON Lines file."""
    file.write_text("".join(json.dumps(one) + "\n" for one in records), encoding="utf-8")
    return file


def index_command(*arguments):
    """The command line of `retrieval-index`."""
    return [sys.executable, "-m", "retrieval_search.commands.index", *map(str, arguments)]


def build_command(source, folder, embedder, *more):
    """The command line of a build with the foreign embedder."""
    return index_command(*_build_arguments(source, folder, embedder, *more))


def _build_arguments(source, folder, embedder, *more):
    chosen = ("--embedder", embedder, "--embedder-protocol", "openai")
    return ("build", source, "--index", folder, *chosen, *more)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended."""

    returncode: int
    stdout: str
    stderr: str


def run_index(*arguments):
    """Run the command `retrieval-index` in this process; a new one takes seconds to import."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([str(one) for one in arguments])
    return Done(status, out.getvalue(), err.getvalue())


def build(source, folder, embedder, *more):
    """Build an index with the foreign embedder."""
    return run_index(*_build_arguments(source, folder, embedder, *more))
