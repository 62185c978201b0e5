"""The nouns that the stages of a request hand over: what was asked, and what came back.

Protocols parse bytes into an `EmbedRequest` or a `RerankRequest` and render `Embeddings` or
`Scores` into bytes. Nothing here knows a wire format, a tokenizer or a device.

Letters used in shapes everywhere: N texts, T real tokens of a batch, H hidden size, D output size.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, StrEnum

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Flags = npt.NDArray[np.bool_]


class Truncation(StrEnum):
    """What happens to a text that is longer than the limit."""

    RIGHT = "right"
    LEFT = "left"
    MIDDLE = "middle"
    NEVER = "never"


class Outputs(IntFlag):
    """What is computed of each text, all of it in one forward pass.

    The numbers of a text stand behind one another in this order: DENSE D, one vector; SPARSE one
    for each of its L tokens, the weight; COLBERT (L - 1) * C, a unit vector for each token but the
    first. So the rows of a request have one length where DENSE alone is wanted.
    """

    DENSE = 1
    SPARSE = 2
    COLBERT = 4


@dataclass(frozen=True, slots=True)
class EmbedRequest:
    """Texts, or lists of token ids, to be turned into vectors; order is kept.

    `inputs` holds either strings or tuples of token ids, never both. `prompt_name` picks a prompt
    of the model ("query", "passage", …); None uses the model's default. `dimensions` cuts and
    renormalises the vectors (Matryoshka). `normalise` None means as the checkpoint says. Both are
    about the dense vectors alone.
    """

    inputs: tuple[str, ...] | tuple[tuple[int, ...], ...]
    prompt_name: str | None = None
    dimensions: int | None = None
    truncation: Truncation = Truncation.RIGHT
    normalise: bool | None = None
    outputs: Outputs = Outputs.DENSE


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Documents to be scored against one query; scores come back in the order of `documents`.

    `instruction` replaces the model's own where the model takes one. `raw_scores` asks for the
    score before the sigmoid. `max_tokens_per_document` None means whatever the model takes.
    """

    query: str
    documents: tuple[str, ...]
    instruction: str | None = None
    max_tokens_per_document: int | None = None
    truncation: Truncation = Truncation.RIGHT
    raw_scores: bool = False


@dataclass(frozen=True, slots=True)
class Passes:
    """The batches that a request had rows in: how many, and the most texts and tokens of one.

    A batch counts with all its requests, as it went to the device. Rows out of the cache had none.
    """

    count: int = 0
    texts: int = 0
    tokens: int = 0

    def joined(self, others: Passes) -> Passes:
        """These and others."""
        most = max(self.texts, others.texts), max(self.tokens, others.tokens)
        return Passes(self.count + others.count, *most)


NO_PASSES = Passes()


@dataclass(frozen=True, slots=True)
class Timings:
    """Where the time of one request went; the three follow one another and do not overlap.

    The first starts at `started_s` on `time.perf_counter`.
    """

    tokenise_s: float = 0.0
    queue_s: float = 0.0
    forward_s: float = 0.0
    started_s: float = 0.0
    passes: Passes = NO_PASSES


@dataclass(frozen=True, slots=True)
class Sparse:
    """The vocabulary's tokens that each text has, with their weights, text behind text.

    Shapes: indices (S,) int32, ascending in each text, and values (S,) float32 above 0; lengths
    (N,) int32 says how many of them are each text's.
    """

    indices: Ints
    values: Floats
    lengths: Ints


@dataclass(frozen=True, slots=True)
class TokenVectors:
    """A unit vector for each token of each text but its first, text behind text.

    Shapes: vectors (T - N, C) float32; lengths (N,) int32 says how many of them are each text's.
    """

    vectors: Floats
    lengths: Ints


@dataclass(frozen=True, slots=True)
class Embeddings:
    """The answer to an `EmbedRequest`; what it did not ask for is None.

    Shapes: vectors (N, D) float32, (N, 0) where none were asked for; token_counts (N,) int32 as the
    model saw them, special tokens included; truncated (N,) bool.
    """

    vectors: Floats
    token_counts: Ints
    truncated: Flags
    timings: Timings = Timings()
    sparse: Sparse | None = None
    colbert: TokenVectors | None = None


@dataclass(frozen=True, slots=True)
class Scores:
    """The answer to a `RerankRequest`.

    Shapes: scores (N,) float32, higher is more relevant; token_counts (N,) int32 of query and
    document together; truncated (N,) bool; logits (N,) float32 where the scores are their sigmoid,
    which is 1 for all logits above 17 and so ranks nothing there.
    """

    scores: Floats
    token_counts: Ints
    truncated: Flags
    timings: Timings = Timings()
    logits: Floats | None = None

    @property
    def ranks_by(self) -> Floats:
        """What orders the documents."""
        return self.scores if self.logits is None else self.logits


NO_CACHE, SHARED_CACHE = 0, 1
"""Whose rows a request may be answered with: nobody's, or those of all who are not told apart."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The token ids of one request, concatenated.

    Shapes: ids (T,), lengths (N,), segments (N,), all int32. A segment is where a row's second
    text starts (token type 1), or the row's length where it has only one. `outputs` is what the
    request wants of each; what is not an embedder has one row a text, as DENSE. `cache` is whose
    rows may answer it and whose its own become: `NO_CACHE`, `SHARED_CACHE`, or a key's number.
    """

    ids: Ints
    lengths: Ints
    segments: Ints
    outputs: Outputs = Outputs.DENSE
    cache: int = SHARED_CACHE

    @property
    def tokens(self) -> int:
        """Tokens of the whole request."""
        return int(self.ids.size)

    def of(self, texts: slice | Flags, tokens: slice | Flags) -> Encoded:
        """Some of the texts, where `tokens` picks the tokens of those that `texts` picks."""
        lengths, segments = self.lengths[texts], self.segments[texts]
        return Encoded(self.ids[tokens], lengths, segments, self.outputs, self.cache)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: when they stop waiting, on CLOCK_MONOTONIC, 0 for never; and whose turn it costs.

    Callers with the same `client` share one turn in the queue; it is 64 bits of a hash. `cache` is
    that of `Encoded`.
    """

    deadline_s: float = 0.0
    client: int = 0
    cache: int = SHARED_CACHE


@dataclass(frozen=True, slots=True)
class Run:
    """A request as the engine gets it; `deadline_s` and `client` are its `Caller`'s."""

    encoded: Encoded
    deadline_s: float = 0.0
    client: int = 0


@dataclass(frozen=True, slots=True)
class Rows:
    """The engine's answer: one row per text, and where the time went.

    Shapes: rows (N, width) float32, or (V,) where the rows differ in length: one behind the other.
    """

    rows: Floats
    queue_s: float
    forward_s: float
    passes: Passes = NO_PASSES


@dataclass(slots=True)
class Reference:
    """What every batch of a request may need of its first row, where that row is a query.

    `query` is the row's ids. `vectors` are its token vectors, left by the batch that was first to
    compute them and read by the later ones; two batches at once may both compute them.
    """

    query: Encoded | None = None
    vectors: object | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Rows of one request that share a forward pass; `first` is the index of their first."""

    encoded: Encoded
    first: int
    reference: Reference


@dataclass(frozen=True, slots=True)
class Batch:
    """What one forward pass computes, request by request."""

    parts: tuple[Part, ...]

    @property
    def size(self) -> int:
        """Texts in the batch."""
        return sum(int(part.encoded.lengths.size) for part in self.parts)

    @property
    def tokens(self) -> int:
        """Real tokens in the batch."""
        return sum(part.encoded.tokens for part in self.parts)
