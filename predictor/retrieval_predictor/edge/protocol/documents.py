"""A query and its documents as clients write them: strings, or objects with a `text`."""

from __future__ import annotations

from typing import Any

from retrieval_predictor.edge.protocol.fields import Fields, kind, missing, wrong
from retrieval_predictor.edge.protocol.inputs import refuse_too_many
from retrieval_predictor.errors import Malformed

_WANTED = "a list of strings or of objects with a string 'text'"


def read_query(fields: Fields) -> str:
    """The text of field `query`; an empty string is a text.

    Raises:
        Malformed: absent, or neither a string nor an object with one.
    """
    query = fields.get("query")
    if query is None:
        raise missing("query", "a string")
    text = _text(query)
    if text is None:
        raise wrong("query", "a string or an object with a string 'text'", kind(query))
    return text


def read_documents(fields: Fields, name: str, max_texts: int) -> tuple[str, ...]:
    """The texts of the documents in field `name`, in order.

    Raises:
        Malformed: no list, an empty one, or an item without a text.
        TooManyTexts: more than `max_texts`.
    """
    documents = fields.get(name)
    if not isinstance(documents, list):
        raise wrong(name, _WANTED, kind(documents))
    refuse_too_many(documents, name, max_texts)
    return tuple(_required(document, name, i) for i, document in enumerate(documents))


def refuse_rank_fields(fields: Fields) -> None:
    """Refuse Cohere v1's ranking by other fields of a document.

    Ignoring it would rank another text than the one that was meant.

    Raises:
        Malformed: fields other than `text` are named.
    """
    if fields.get("rank_fields") not in (None, [], ["text"]):
        raise Malformed("field 'rank_fields' is not supported; put what is to be ranked in 'text'")


def _required(document: Any, name: str, index: int) -> str:
    text = _text(document)
    if text is None:
        got = f"a list whose item {index} is {kind(document)}"
        raise wrong(name, _WANTED, f"{got} without one" if isinstance(document, dict) else got)
    return text


def _text(item: Any) -> str | None:
    text = item.get("text") if isinstance(item, dict) else item
    return text if isinstance(text, str) else None
