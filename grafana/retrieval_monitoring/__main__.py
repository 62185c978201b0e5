"""Write the dashboards and the rules of a checkout; `--check` only compares, and exits with 1."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

from grafana.retrieval_monitoring.dashboards import PAGES, rendered
from grafana.retrieval_monitoring.rules import prometheus_rule, rule_file

CHECKOUT = Path(__file__).parents[2]
CHART = "charts/retrieval-operator"
"""A chart can only ship files of its own folder, so it has copies."""


def files() -> Mapping[str, str]:
    """The text of each generated file, by its path in the checkout."""
    pages = {f"{page.uid}.json": rendered(page) for page in PAGES}
    return {
        **{f"grafana/dashboards/{name}": text for name, text in pages.items()},
        **{f"{CHART}/dashboards/{name}": text for name, text in pages.items()},
        "grafana/rules/retrieval.rules.yaml": rule_file(),
        "grafana/rules/prometheusrule.yaml": prometheus_rule(),
        f"{CHART}/rules/retrieval.rules.yaml": rule_file(),
    }


def drifted(root: Path = CHECKOUT) -> tuple[str, ...]:
    """The files below `root` that are missing or differ from what would be written."""
    return tuple(name for name, text in files().items() if _stored(root / name) != text)


def write(root: Path = CHECKOUT) -> None:
    """Write every file below `root`."""
    for name, text in files().items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _stored(path: Path) -> str | None:
    return path.read_text(encoding="utf-8") if path.exists() else None


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare, and write nothing")
    if not parser.parse_args().check:
        write()
        return 0
    for name in drifted():
        sys.stderr.write(f"{name} is not what its source says; run `make generate`\n")
    return 1 if drifted() else 0


if __name__ == "__main__":
    sys.exit(main())
