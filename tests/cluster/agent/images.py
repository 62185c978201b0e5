"""What stands for a container image: the program that a real one would start. Pure.

The table is a JSON object from a pattern of image names (as in `fnmatch`) to the fields of `Image`.
An image that no pattern fits is one that no registry has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any


@dataclass(frozen=True, slots=True)
class Image:
    """An image's entrypoint, command and environment, as an OCI image configuration has them."""

    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    environment: Mapping[str, str] = field(default_factory=dict)


def images_of(table: Mapping[str, Mapping[str, Any]]) -> dict[str, Image]:
    """The table as it is read from its file."""
    return {
        pattern: Image(
            tuple(entry.get("entrypoint", ())),
            tuple(entry.get("command", ())),
            dict(entry.get("environment", {})),
        )
        for pattern, entry in table.items()
    }


def find(images: Mapping[str, Image], name: str) -> Image | None:
    """The image of that name, or None."""
    return next((image for pattern, image in images.items() if fnmatchcase(name, pattern)), None)
