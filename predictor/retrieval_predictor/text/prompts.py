"""Which prompt a request's texts are given.

Some models were trained with prompts that only their model cards tell. A client that says which
side of a search a text is on gets those too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from retrieval_predictor.errors import Malformed

_SAME_MEANING = (
    ("query", "search_query", "retrieval.query", "web_search_query", "queries", "question"),
    ("passage", "document", "search_document", "retrieval.passage", "documents", "corpus"),
)
"""Names that clients (Cohere, NIM) and checkpoints use for the two sides of a search."""

_FOR_PASSAGES = {"query": "Represent this sentence for searching relevant passages: "}
_SEARCH = {"query": "search_query: ", "document": "search_document: "}
_WEB_SEARCH = {
    "query": "Instruct: Given a web search query, retrieve relevant passages that answer the query"
    "\nQuery: "
}
USUAL_PROMPTS: Mapping[str, Mapping[str, str]] = {
    r"(multilingual-)?e5-(small|base|large)(-v2)?": {"query": "query: ", "passage": "passage: "},
    r"multilingual-e5-large-instruct|e5-mistral-7b-instruct": _WEB_SEARCH,
    r"bge-(small|base|large)-en(-v1\.5)?|mxbai-embed-large-v1": _FOR_PASSAGES,
    r"bge-(small|base|large)-zh(-v1\.5)?": {
        "query": "\u4e3a\u8fd9\u4e2a\u53e5\u5b50\u751f\u6210\u8868\u793a\u4ee5\u7528\u4e8e"
        "\u68c0\u7d22\u76f8\u5173\u6587\u7ae0\uff1a"
    },
    r"nomic-embed-text-v1(\.5)?|modernbert-embed-(base|large)": _SEARCH,
}
"""Prompts that model cards ask for and checkpoints may not hold, by the name of the repository."""


def usual_prompts(uri: str) -> dict[str, str]:
    """The prompts of a model card, by the last name in a model's address; empty where unknown."""
    name = uri.rstrip("/").rpartition("/")[2].lower()
    found = (one for pattern, one in USUAL_PROMPTS.items() if re.fullmatch(pattern, name))
    return dict(next(found, {}))


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
