"""How the words of a command line are read, and what is said where they cannot be."""

from __future__ import annotations

import argparse
import difflib
import re
from collections.abc import Sequence
from typing import Any, NoReturn


class Parser(argparse.ArgumentParser):
    """A parser that says what may have been meant; it ends the process with status 2."""

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[argparse.Namespace, list[str]]:
        """Read the words; those that no argument takes are refused here, where options are known.

        Raises:
            SystemExit: A word is wrong, or help was asked for.
        """
        found, left = super().parse_known_args(args, namespace)
        if left:
            self.error(f"unrecognized arguments: {' '.join(left)}{self._hint(left[0])}")
        return found, left

    def error(self, message: str) -> NoReturn:
        """Print the message with the nearest known word, and end."""
        super().error(message + _meant_choice(message))

    def _hint(self, word: str) -> str:
        options = re.findall(r"--[a-z][a-z-]+", self.format_help())
        if not word.startswith("-"):
            return f"; did you mean -f {word}?" if "--filename" in options else ""
        near = difflib.get_close_matches(word, options, n=1)
        return f"; did you mean {near[0]}?" if near else ""


def _meant_choice(message: str) -> str:
    found = re.search(r"invalid choice: '([^']*)' \(choose from (.*)\)", message)
    if found is None:
        return ""
    near = difflib.get_close_matches(found[1], re.findall(r"[\w.-]+", found[2]), n=1)
    return f"; did you mean {near[0]}?" if near else ""
