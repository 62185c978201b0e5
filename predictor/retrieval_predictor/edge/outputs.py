"""From an embedder's rows to what was asked for: vectors, sparse weights, token vectors.

The engine answers with numbers for every token, so it need not know which of them are words; here
the ids are at hand.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from retrieval_predictor.errors import AnswerTooLarge, Malformed
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.ragged import split
from retrieval_predictor.wire.work import Encoded, Floats, Outputs, Sparse, TokenVectors

MAX_TOKEN_VECTOR_BYTES = 32 * 2**20
"""Of the token vectors of one answer: one text of 8192 tokens with 1024 numbers each, the most that
bge-m3 takes. As JSON they are about three times as large."""

_NAMES = {Outputs.DENSE: "embedding", Outputs.SPARSE: "sparse", Outputs.COLBERT: "colbert"}

EVERYTHING = Outputs.DENSE | Outputs.SPARSE | Outputs.COLBERT


@dataclass(frozen=True, slots=True)
class Read:
    """What the rows of a request hold; vectors are (N, 0) where none were asked for."""

    vectors: Floats
    sparse: Sparse | None = None
    colbert: TokenVectors | None = None


def offered(card: ModelCard) -> Outputs:
    """What a model can make of a text."""
    outputs = Outputs.DENSE
    if card.has_sparse:
        outputs |= Outputs.SPARSE
    if card.colbert_dimensions:
        outputs |= Outputs.COLBERT
    return outputs


def require_offered(wanted: Outputs, card: ModelCard) -> None:
    """Refuse what the model does not make.

    Raises:
        Malformed: It lacks one of the outputs.
    """
    if wanted != Outputs.DENSE and (missing := wanted & ~offered(card)):
        raise Malformed(f"no output {_words(missing)}; this model has {_words(offered(card))}")


def require_size(encoded: Encoded, card: ModelCard) -> None:
    """Refuse token vectors that nobody could hold, before they are computed.

    Raises:
        AnswerTooLarge: They would take more than `MAX_TOKEN_VECTOR_BYTES`.
    """
    if encoded.outputs & Outputs.COLBERT:
        size_bytes = (encoded.tokens - encoded.lengths.size) * card.colbert_dimensions * 4
        if size_bytes > MAX_TOKEN_VECTOR_BYTES:
            raise AnswerTooLarge(encoded.tokens, size_bytes, MAX_TOKEN_VECTOR_BYTES)


def read(rows: Floats, encoded: Encoded, card: ModelCard) -> Read:
    """The numbers in the rows of a request, by what they are.

    Shapes: rows (N, D), or (V,) with the numbers of each text behind one another in the order of
    `work.Outputs`.
    """
    if encoded.outputs == Outputs.DENSE:
        return Read(rows)
    pieces = split(rows.reshape(-1), _sizes(encoded, card))
    vectors, weights, units = (np.concatenate(pieces[kind::3]) for kind in range(3))
    sparse = colbert = None
    if encoded.outputs & Outputs.SPARSE:
        sparse = sparse_of(weights, encoded, card.special_ids)
    if encoded.outputs & Outputs.COLBERT:
        colbert = TokenVectors(units.reshape(-1, card.colbert_dimensions), encoded.lengths - 1)
    width = card.dimensions if encoded.outputs & Outputs.DENSE else 0
    return Read(vectors.reshape(encoded.lengths.size, width), sparse, colbert)


def sparse_of(weights: Floats, encoded: Encoded, special_ids: tuple[int, ...]) -> Sparse:
    """The weight of each token that a text has: the largest of its places, special ones left out.

    Shapes: weights (T,) float32, one a token.

    Source: FlagEmbedding 1.3, `M3Embedder._process_token_weights`.
    """
    count = encoded.lengths.size
    text = np.repeat(np.arange(count), encoded.lengths)
    counts = (weights > 0) & ~np.isin(encoded.ids, special_ids)
    text, ids, weights = text[counts], encoded.ids[counts], weights[counts]
    order = np.lexsort((ids, text))
    text, ids, weights = text[order], ids[order], weights[order]
    first = np.flatnonzero((np.diff(text, prepend=-1) != 0) | (np.diff(ids, prepend=-1) != 0))
    values = np.maximum.reduceat(weights, first) if first.size else weights
    lengths = np.bincount(text[first], minlength=count).astype(np.int32)
    return Sparse(ids[first], values, lengths)


def _sizes(encoded: Encoded, card: ModelCard) -> list[int]:
    """Numbers of each kind that each text has, three a text."""
    lengths, wanted = encoded.lengths, encoded.outputs
    kinds = (
        np.full_like(lengths, card.dimensions if Outputs.DENSE in wanted else 0),
        lengths if Outputs.SPARSE in wanted else np.zeros_like(lengths),
        (lengths - 1) * (card.colbert_dimensions if Outputs.COLBERT in wanted else 0),
    )
    sizes: list[int] = np.stack(kinds, axis=1).reshape(-1).tolist()
    return sizes


def _words(outputs: Outputs) -> str:
    return ", ".join(f"'{_NAMES[output]}'" for output in Outputs if output in outputs)
