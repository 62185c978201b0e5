"""Print what the project in this folder needs together with some of its extras.

`python requirements.py EXTRA …` prints one requirement a line. An image installs these before it
copies any source, so that a changed line of code installs nothing again.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Mapping
from itertools import chain
from pathlib import Path
from typing import Any


def requirements(project: Mapping[str, Any], extras: Iterable[str]) -> list[str]:
    """The dependencies of pyproject.toml's `project` table, and then those of each extra.

    Raises:
        KeyError: There is no such extra.
    """
    optional = (project["optional-dependencies"][extra] for extra in extras)
    return [*project["dependencies"], *chain.from_iterable(optional)]


def main() -> None:
    """Read ./pyproject.toml and print."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    sys.stdout.writelines(f"{one}\n" for one in requirements(project, sys.argv[1:]))


if __name__ == "__main__":
    main()
