"""What a release is made of, as the release workflow asks for it.

`python3 images/release.py` prints the version, `--pip-conf URL` a pip configuration that looks
there too, for torch's wheels for CPUs. `--chart REGISTRY` writes the images of that registry into
the chart's values, and `--notes` prints the changelog's part.
"""

from __future__ import annotations

import argparse
import re
import sys
import tomllib
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
VALUES: Final = ROOT / "charts" / "retrieval-operator" / "values.yaml"


def version() -> str:
    """The version that pyproject.toml says."""
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    return str(tomllib.loads(text)["project"]["version"])


def pip_conf(index: str) -> str:
    """A pip configuration: empty, or with one more index of packages."""
    return f"[global]\nextra-index-url = {index}\n" if index else ""


def with_images(values: str, registry: str, tag: str) -> str:
    """The chart's values with the images of a registry."""
    named = re.sub(
        r"(?m)^(  repository: ).*$", rf"\g<1>{registry}/retrieval-operator", values, count=1
    )
    predictor = f'"{registry}/retrieval-predictor:{tag}"'
    return re.sub(r"(?m)^(  predictorImage: ).*$", rf"\g<1>{predictor}", named, count=1)


def notes(changelog: str, of: str) -> str:
    """The part of the changelog about this version, or what is unreleased."""
    parts = re.split(r"(?m)^## ", changelog)[1:]
    by_name = {part.split()[0].strip("[]"): part for part in parts}
    found = by_name.get(of) or by_name["Unreleased"]
    return found.partition("\n")[2].strip() + "\n"


def main() -> None:
    """Do what the words say."""
    parser = argparse.ArgumentParser(description="Parts of a release.")
    parser.add_argument("--pip-conf", metavar="URL")
    parser.add_argument("--chart", metavar="REGISTRY")
    parser.add_argument("--notes", action="store_true")
    args = parser.parse_args()
    if args.pip_conf is not None:
        sys.stdout.write(pip_conf(args.pip_conf))
    elif args.chart:
        values = VALUES.read_text(encoding="utf-8")
        VALUES.write_text(with_images(values, args.chart, version()), encoding="utf-8")
    elif args.notes:
        changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
        sys.stdout.write(notes(changelog, version()))
    else:
        sys.stdout.write(f"{version()}\n")


if __name__ == "__main__":
    main()
