"""Write what is generated from the models: the CustomResourceDefinition and the reference page.

`python -m retrieval_operator.generate` rewrites the files of a checkout; `--check` only compares
and exits with 1 when one of them has drifted.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import yaml

from retrieval_operator.crd import definition
from retrieval_operator.spec.reference import page

_CHECKOUT = Path(__file__).parents[2]
_NOTICE = "# Written by `make generate` from operator/retrieval_operator/spec; change that.\n"


def rendered() -> Mapping[str, str]:
    """The text of each generated file, by its path in the checkout."""
    text = yaml.safe_dump(definition(), sort_keys=False, width=100, allow_unicode=True)
    return {"manifests/crd.yaml": _NOTICE + text, "docs/reference/retrievalservice.md": page()}


def drifted(root: Path = _CHECKOUT) -> tuple[str, ...]:
    """The generated files below `root` that are missing or differ from what would be written."""
    return tuple(name for name, text in rendered().items() if _stored(root / name) != text)


def write(root: Path = _CHECKOUT) -> None:
    """Write every generated file below `root`."""
    for name, text in rendered().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main() -> int:
    """Run the command line; the exit status is 1 when `--check` finds a difference."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if not parser.parse_args().check:
        write()
        return 0
    for name in drifted():
        sys.stderr.write(f"{name} is not what the models say; run `make generate`\n")
    return 1 if drifted() else 0


if __name__ == "__main__":
    sys.exit(main())
