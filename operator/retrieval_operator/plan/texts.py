"""The lengths of text that rates are quoted for. Pure."""

from __future__ import annotations

from typing import Final

from retrieval_operator.spec.choices import ComponentName

_TYPICAL: Final = 512
_SHORT: Final = {ComponentName.EMBEDDER: 16, ComponentName.RERANKER: 128}
"""A ten-word query with its prompt; a query and a 100-word document."""


def typical_tokens(longest: int) -> int:
    """Tokens of a full document, at most the longest input."""
    return min(_TYPICAL, longest)


def short_tokens(component: ComponentName, longest: int) -> int:
    """Tokens of the short texts a component mostly sees, at most the longest input."""
    return min(_SHORT[component], longest)
