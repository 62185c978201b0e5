"""The commands that a page of the documentation shows, to be run as they stand."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
_SECTION: Final = re.compile(r"^## (.+)$", re.MULTILINE)
_BLOCK: Final = re.compile(r"^ *```console\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_COMMAND: Final = re.compile(r"^ *\$ ((?:.*\\\n)*.*)$", re.MULTILINE)


def commands(page: str, section: str | None = None) -> list[str]:
    """What stands behind `$ ` in the console blocks of `docs/<page>`, or of one section of it.

    Continued lines are one command. An unknown section raises KeyError.
    """
    text = (ROOT / "docs" / page).read_text(encoding="utf-8")
    parts = _SECTION.split(text)
    if section is not None:
        text = dict(zip(parts[1::2], parts[2::2], strict=True))[section]
    return [one for block in _BLOCK.findall(text) for one in _COMMAND.findall(block)]
