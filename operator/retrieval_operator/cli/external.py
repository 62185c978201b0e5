"""Commands of other packages: `retrieval index …` runs `retrieval-index …`, as git does it."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

EXTRAS: Final[Mapping[str, str]] = {"index": "search"}
"""The extra of this project that brings each command."""

_MISSING = 2


def run_external(argv: Sequence[str]) -> int:
    """Become the command's program; returns only where it is not installed."""
    name, *rest = argv
    program = _program(f"retrieval-{name}")
    if program is not None:
        os.execv(program, [program, *rest])  # noqa: S606  (a program of ours, found by its name)
    install = f"pip install 'retrieval-service[{EXTRAS[name]}]'"
    sys.stderr.write(f"retrieval {name} is not installed: {install}\n")
    return _MISSING


def _program(name: str) -> str | None:
    """A program beside this interpreter, else on the path."""
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)
