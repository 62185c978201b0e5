"""What is indexed and found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Passage:
    """A text that can be found; `id` is the user's and unique in an index."""

    id: str
    text: str
    title: str = ""
    url: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def indexed(self) -> str:
        """What is embedded, looked up by words, and reranked."""
        return f"{self.title}\n{self.text}" if self.title else self.text
