"""`retrieval version`: the version of this command."""

from __future__ import annotations

import argparse

from retrieval_operator import __version__


def add_arguments(_: argparse.ArgumentParser) -> None:
    """Nothing to declare."""


def run(_: argparse.Namespace) -> int:
    """Print it."""
    print(f"retrieval {__version__}")
    return 0
