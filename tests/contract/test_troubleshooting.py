"""docs/troubleshooting.md has an entry for every reason that a condition can have, and no other."""

from __future__ import annotations

import re
from pathlib import Path

from retrieval_operator.derive import MEANINGS

TEXT = (Path(__file__).parents[2] / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
ENTRIES = re.findall(r"^### (.+)$", TEXT, re.MULTILINE)


def test_every_reason_has_one_entry_and_every_entry_is_a_reason():
    assert sorted(ENTRIES) == sorted(MEANINGS)


def test_every_entry_says_something():
    told = re.findall(r"^### (.+)\n\n[^#\n]", TEXT, re.MULTILINE)
    assert told == ENTRIES
