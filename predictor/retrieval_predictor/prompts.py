"""Which prompt a request's texts are given."""

from __future__ import annotations

from collections.abc import Mapping

from retrieval_predictor.errors import Malformed

_SAME_MEANING = (
    ("query", "search_query", "queries", "question"),
    ("passage", "document", "search_document", "documents", "corpus"),
)
"""Names that clients (Cohere, NIM) and checkpoints use for the two sides of a search."""


def prompt_text(name: str | None, prompts: Mapping[str, str], default: str | None) -> str:
    """The text put in front of each input.

    A side of a search ("query", "search_document", …) finds the checkpoint's prompt under any of
    its usual names, and is the empty prompt where the checkpoint has none for it.

    Raises:
        Malformed: A name that is neither a prompt of the model nor a side of a search.
    """
    wanted = name or default
    if wanted is None:
        return ""
    if wanted in prompts:
        return prompts[wanted]
    for names in _SAME_MEANING:
        if wanted in names:
            return next((prompts[one] for one in names if one in prompts), "")
    known = ", ".join(sorted(prompts)) or "none"
    raise Malformed(f"no prompt {wanted!r}; this model has: {known}")
