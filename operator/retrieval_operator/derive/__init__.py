"""What the status says: conditions, phase, columns and events, from facts alone. Pure."""

from retrieval_operator.derive.news import News, news
from retrieval_operator.derive.reasons import MEANINGS, Word
from retrieval_operator.derive.situation import Fault, Half, KServe, KServeState, Situation
from retrieval_operator.derive.status import component_before, derive, document, read

__all__ = [
    "MEANINGS",
    "Fault",
    "Half",
    "KServe",
    "KServeState",
    "News",
    "Situation",
    "Word",
    "component_before",
    "derive",
    "document",
    "news",
    "read",
]
