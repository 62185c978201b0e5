"""Print tables: as wide as the terminal, and without trailing blanks where there is none."""

from __future__ import annotations

from io import StringIO
from typing import Final, TextIO

from rich.console import Console, RenderableType

PIPE_WIDTH: Final = 140
"""A pipe has no width of its own, and 80 columns would fold every reason."""


def show(renderable: RenderableType, stream: TextIO) -> None:
    """Print to a terminal or to a pipe."""
    if stream.isatty():
        Console(file=stream, highlight=False).print(renderable)
        return
    text = StringIO()
    Console(file=text, highlight=False, width=PIPE_WIDTH).print(renderable)
    stream.writelines(f"{line.rstrip()}\n" for line in text.getvalue().splitlines())
