"""The first query to each component: the curl that asks it, and what it answers."""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

from retrieval_operator.local.launch import Launch
from retrieval_operator.spec.choices import ComponentName

_QUERY: Final = "How do I bake bread?"
_DOCUMENTS: Final = [
    "Mix flour, water, salt and yeast, let the dough rise, then bake it for 40 minutes.",
    "The stock market closed lower on Monday.",
]
_SHOWN_CHARACTERS: Final = 300


@dataclass(frozen=True, slots=True)
class FirstQuery:
    """A request that shows a component at work."""

    path: str
    body: dict[str, Any]

    def curl(self, launch: Launch) -> str:
        """The same request as a command to paste."""
        body = shlex.quote(json.dumps(self.body, ensure_ascii=False))
        return f"curl -s {launch.url}{self.path} -d {body}"


FIRST_QUERIES: Final = {
    ComponentName.EMBEDDER: FirstQuery("/v1/embeddings", {"input": _QUERY}),
    ComponentName.RERANKER: FirstQuery(
        "/v1/rerank", {"query": _QUERY, "documents": _DOCUMENTS, "top_n": 1}
    ),
}


async def ask(session: aiohttp.ClientSession, launch: Launch) -> str:
    """The component's answer to its first query, as text; long answers are cut in the middle."""
    query = FIRST_QUERIES[launch.name]
    async with session.post(launch.url + query.path, json=query.body) as answer:
        return shorten(await answer.text())


def shorten(text: str, limit_characters: int = _SHOWN_CHARACTERS) -> str:
    """Keep both ends of a long answer: its first numbers and its usage."""
    if len(text) <= limit_characters:
        return text
    tail = limit_characters // 2
    return f"{text[: limit_characters - tail]} … {text[-tail:]}"
