"""A query and its answer, free of any protocol."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field

from retrieval_search.passages.passage import Passage
from retrieval_search.ranking.fusion import Floats, Fusion


@dataclass(frozen=True, slots=True)
class Rerank:
    """Whether the reranker orders the candidates, and whether an answer without it will do."""

    wanted: bool = True
    required: bool = True


@dataclass(frozen=True, slots=True)
class Query:
    """What is looked for. `vector` stands in the place of the text's own; `filter` is JSON."""

    text: str
    top_k: int
    candidates: int
    vector: Floats | None = None
    filter: bytes = b""
    fusion: Fusion = field(default_factory=Fusion)
    rerank: Rerank = field(default_factory=Rerank)
    effort: int = 0
    least_score: float | None = None


@dataclass(frozen=True, slots=True)
class Hit:
    """A passage that was found. `score` is what it was ordered by; None where a leg had it not."""

    passage: Passage
    score: float
    dense: float | None = None
    words: float | None = None
    fused: float | None = None
    rerank: float | None = None


@dataclass(frozen=True, slots=True)
class Stages:
    """Where the time went, in the order of the stages; the reranker's is 0 where it was left out.

    `queue_s`, `dense_s` and `words_s` are the index process's; a batch's search counts whole for
    each of its queries.
    """

    embed_s: float = 0.0
    queue_s: float = 0.0
    dense_s: float = 0.0
    words_s: float = 0.0
    passages_s: float = 0.0
    rerank_s: float = 0.0
    total_s: float = 0.0

    def by_name(self) -> dict[str, float]:
        """Seconds by the stage's name."""
        return {name.removesuffix("_s"): value for name, value in asdict(self).items()}


@dataclass(frozen=True, slots=True)
class Results:
    """The answer to a query, with the version and the space that it comes from."""

    hits: tuple[Hit, ...]
    version: int
    space: str
    reranked: bool
    stages: Stages
    batch: int = 1
