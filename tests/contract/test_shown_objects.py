"""Every object that a page shows in whole is one that the operator accepts."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from retrieval_operator.spec import parse

PAGES = sorted((Path(__file__).parents[2] / "docs").glob("*.md"))
BLOCK = re.compile(r"^```yaml\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def shown() -> Iterator[tuple[str, dict[str, Any]]]:
    """Every RetrievalService in a block of YAML, with the page's name."""
    for page in PAGES:
        for block in BLOCK.findall(page.read_text(encoding="utf-8")):
            for document in yaml.safe_load_all(block):
                if isinstance(document, dict) and document.get("kind") == "RetrievalService":
                    yield page.name, document


SHOWN = list(shown())


def test_pages_show_objects():
    assert SHOWN


@pytest.mark.parametrize(("page", "document"), SHOWN, ids=[page for page, _ in SHOWN])
def test_an_object_that_a_page_shows_is_accepted(page: str, document: dict[str, Any]):
    del page
    metadata = {"namespace": "search", "uid": "0", **document["metadata"]}
    assert parse({**document, "metadata": metadata}).spec.components
