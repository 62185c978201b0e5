"""Generated files: each has a path in the checkout and a text that follows from its source.

`python -m retrieval_operator.generate` rewrites what is generated from the models, which is the
CustomResourceDefinition and the reference page; `--check` only compares and exits with 1 when a
file has drifted. Whatever else is generated passes its own files to the same functions.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import yaml

from retrieval_operator.crd import definition
from retrieval_operator.spec.reference import page

CHECKOUT: Final = Path(__file__).parents[2]
_NOTICE: Final = (
    "# Written by `make generate` from operator/retrieval_operator/spec; change that.\n"
)

Texts = Mapping[str, Callable[[], str]]
"""What makes the text of each file, by the file's path in the checkout, in the order of writing."""


def _definition() -> str:
    text = yaml.safe_dump(definition(), sort_keys=False, width=100, allow_unicode=True)
    return _NOTICE + text


FILES: Final[Texts] = {
    "manifests/crd.yaml": _definition,
    "docs/reference/retrievalservice.md": page,
}


def drifted(files: Texts, root: Path = CHECKOUT) -> tuple[str, ...]:
    """The files below `root` that are missing or differ from what would be written."""
    return tuple(name for name, text in files.items() if _stored(root / name) != text())


def write(files: Texts, root: Path = CHECKOUT) -> None:
    """Write every file below `root`; a text may read what was written before it."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text(), encoding="utf-8")


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main(files: Texts = FILES) -> int:
    """Run the command line for these files; the exit status is 1 when `--check` finds a difference.

    The arguments are the process's own.
    """
    parser = argparse.ArgumentParser(description="Write the generated files of a checkout.")
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if not parser.parse_args().check:
        write(files)
        return 0
    names = drifted(files)
    for name in names:
        sys.stderr.write(f"{name} is not what its source says; run `make generate`\n")
    return 1 if names else 0


if __name__ == "__main__":
    sys.exit(main())
