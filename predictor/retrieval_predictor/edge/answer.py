"""Answer one request: tokenise, ask the engine, turn its rows into vectors or scores."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from retrieval_predictor.edge.aside import aside
from retrieval_predictor.edge.outputs import read, require_offered, require_size
from retrieval_predictor.errors import (
    Malformed,
    NotReady,
    Overloaded,
    TokenIdsRefused,
    Unavailable,
)
from retrieval_predictor.settings import Scoring
from retrieval_predictor.telemetry import metrics
from retrieval_predictor.text.chat import FORMS, read_chat
from retrieval_predictor.text.prompts import prompt_text
from retrieval_predictor.text.template import open_tokenizer
from retrieval_predictor.text.tokenise import Tokeniser, Tokens
from retrieval_predictor.wire.admission import Estimate
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.work import (
    Caller,
    Embeddings,
    EmbedRequest,
    Floats,
    Outputs,
    RerankRequest,
    Rows,
    Run,
    Scores,
    Timings,
)

_INLINE_CHARACTERS = 4096
"""Texts up to this are tokenised on the loop (0.1 ms a thousand); more go to a thread."""

_INLINE_NUMBERS = 1 << 18
"""Vectors of so many numbers are cut and normalised on the loop (about 0.3 ms)."""

_ANYONE = Caller()


class Backend(Protocol):
    """Whoever turns ids into rows."""

    @property
    def state(self) -> dict[str, Any]:
        """What it is doing, with the model's card once that is known."""

    def admit(self, tokens: int, client: int) -> None:
        """Raise what `run` would raise for a request of about so many tokens, where that is known.

        Raises:
            NotReady: Nobody could compute it.
            Overloaded: The queue is full.
        """

    async def run(self, run: Run) -> Rows:
        """One row a text."""


class Answerer:
    """Answers requests for one model. It learns which model from the engine."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._card: ModelCard | None = None
        self._tokeniser: Tokeniser | None = None
        self._estimate = Estimate()

    @property
    def card(self) -> ModelCard:
        """Facts about the model.

        Raises:
            NotReady: It is not loaded yet.
        """
        if self._card is None:
            known = self._backend.state.get("card")
            if known is None:
                raise NotReady(str(self._backend.state["phase"]))
            self._card = ModelCard(**known)
        return self._card

    @property
    def _scoring(self) -> Scoring:
        if self.card.scoring is None:
            raise AssertionError("an embedder was asked to rerank; this is a bug")
        return Scoring(self.card.scoring)

    async def embed(self, request: EmbedRequest, caller: Caller = _ANYONE) -> Embeddings:
        """A vector for each input, in order, or what else the request wants of it.

        Raises:
            AnswerTooLarge: The token vectors would be; nothing was computed.
            Overloaded: The queue is full; this was known before anything was tokenised, or not.
            RequestError: The request cannot be served as it is; nothing was computed.
            RetrievalError: Whatever else the engine answered with.
        """
        card = self.card
        if request.dimensions is not None and not 1 <= request.dimensions <= card.dimensions:
            raise Malformed(
                f"dimensions is {request.dimensions}, this model has 1 to {card.dimensions}"
            )
        if not (card.accepts_token_ids or isinstance(request.inputs[0], str)):
            raise TokenIdsRefused
        require_offered(request.outputs, card)
        sizes = tuple(len(one) for one in request.inputs if isinstance(one, str))
        tokens, answer, timings = await self._compute(
            sizes, lambda: self._tokenise_inputs(request), caller
        )
        made = read(answer.rows, tokens.encoded, card)
        normalise = card.normalise if request.normalise is None else request.normalise
        is_long = made.vectors.size > _INLINE_NUMBERS
        vectors = await aside(
            is_long, finish_vectors, made.vectors, request.dimensions, normalise=normalise
        )
        return Embeddings(
            vectors=vectors,
            token_counts=tokens.encoded.lengths,
            truncated=tokens.truncated,
            timings=timings,
            sparse=made.sparse,
            colbert=made.colbert,
        )

    async def rerank(self, request: RerankRequest, caller: Caller = _ANYONE) -> Scores:
        """A score for each document, in order.

        Raises:
            Overloaded: The queue is full; this was known before anything was tokenised, or not.
            RequestError: The request cannot be served as it is; nothing was computed.
            RetrievalError: Whatever else the engine answered with.
        """
        score = _SCORERS[self._scoring]
        sizes = tuple(len(request.query) + len(text) for text in request.documents)
        tokens, answer, timings = await self._compute(
            sizes, lambda: self._tokenise_documents(request), caller
        )
        scores = score(answer.rows, request.raw_scores or self.card.activation == "Identity")
        count = len(request.documents)
        return Scores(
            scores=scores,
            token_counts=tokens.encoded.lengths[-count:],
            truncated=tokens.truncated[-count:],
            timings=timings,
            logits=answer.rows[:, 0] if self.card.activation is not None else None,
        )

    async def _compute(
        self, sizes: tuple[int, ...], tokenise: Callable[[], Awaitable[Tokens]], caller: Caller
    ) -> tuple[Tokens, Rows, Timings]:
        """Admit a request by the sizes of its texts, tokenise it, and have its rows computed.

        A request of token ids has no texts: it costs nothing before the engine counts it.
        """
        limit_tokens = self.card.max_input_tokens
        try:
            self._backend.admit(self._estimate.tokens(sizes, limit_tokens), caller.client)
            started_s = time.perf_counter()
            tokens = await tokenise()
            tokenised_s = time.perf_counter() - started_s
            if not np.count_nonzero(tokens.truncated):
                self._estimate.learn(sum(sizes), tokens.encoded.tokens)
            encoded = replace(tokens.encoded, cache=caller.cache)
            run = Run(encoded, caller.deadline_s, caller.client)
            rows = await self._backend.run(run)
        except (Overloaded, Unavailable) as error:
            metrics.rejected.labels(error.code).inc()
            raise
        timings = Timings(tokenised_s, rows.queue_s, rows.forward_s, started_s, rows.passes)
        return tokens, rows, timings

    async def _tokenise_inputs(self, request: EmbedRequest) -> Tokens:
        tokens = await self._tokenise_texts(request)
        if request.outputs == Outputs.DENSE:
            return tokens
        encoded = replace(tokens.encoded, outputs=request.outputs)
        require_size(encoded, self.card)
        return Tokens(encoded, tokens.truncated)

    async def _tokenise_texts(self, request: EmbedRequest) -> Tokens:
        tokeniser = self._open_tokeniser()
        prompt = prompt_text(request.prompt_name, self.card.prompts, self.card.default_prompt)
        texts = tuple(prompt + one for one in request.inputs if isinstance(one, str))
        rows = tuple(one for one in request.inputs if not isinstance(one, str))
        if rows:
            return tokeniser.ids(rows, request.truncation)
        return await aside(_is_long(texts), tokeniser.texts, texts, request.truncation)

    async def _tokenise_documents(self, request: RerankRequest) -> Tokens:
        tokeniser, texts = self._open_tokeniser(), (request.query, *request.documents)
        query, documents, encode = request.query, request.documents, tokeniser.pairs
        if self._scoring is Scoring.YES_NO:
            told = request.instruction or self.card.instruction
            encode = partial(tokeniser.questions, told)
        elif request.instruction is not None:
            raise Malformed("this reranker takes no instruction; leave it out")
        elif self._scoring is not Scoring.CROSS_ENCODER:
            query = prompt_text("query", self.card.prompts, None) + query
            told = prompt_text("passage", self.card.prompts, None)
            documents, encode = tuple(told + text for text in documents), tokeniser.apart
        limit = request.max_tokens_per_document
        return await aside(_is_long(texts), encode, query, documents, limit, request.truncation)

    def _open_tokeniser(self) -> Tokeniser:
        if self._tokeniser is None:
            card = self.card
            tokenizer = open_tokenizer(Path(card.tokenizer_path))
            chat = read_chat(tokenizer, FORMS[card.form]) if card.form else None
            self._tokeniser = Tokeniser(
                tokenizer, card.max_input_tokens, card.vocabulary_size, chat
            )
        return self._tokeniser


def _is_long(texts: tuple[str, ...]) -> bool:
    return sum(map(len, texts)) > _INLINE_CHARACTERS


def finish_vectors(rows: Floats, dimensions: int | None, *, normalise: bool) -> Floats:
    """Cut vectors to their first dimensions and give them length 1, in that order.

    Shapes: (N, D) float32 -> (N, dimensions). A cut vector is always normalised, as Matryoshka
    embeddings need (Kusupati et al. 2022, section 3). A zero vector stays zero.
    """
    cut = rows if dimensions is None else rows[:, :dimensions]
    if not normalise and dimensions is None:
        return cut
    lengths = np.sqrt(np.einsum("nd,nd->n", cut, cut))[:, None]
    unit: Floats = cut / np.maximum(lengths, np.float32(1e-12))
    return unit


def _late_interaction(rows: Floats, is_raw: bool) -> Floats:
    del is_raw
    return rows[1:, 0]


def _bi_encoder(rows: Floats, is_raw: bool) -> Floats:
    del is_raw
    vectors = finish_vectors(rows, None, normalise=True)
    cosine: Floats = vectors[1:] @ vectors[0]
    return cosine


def _cross_encoder(rows: Floats, is_raw: bool) -> Floats:
    if is_raw:
        return rows[:, 0]
    probabilities: Floats = sigmoid(rows[:, 0])
    return probabilities


def sigmoid(logits: Floats) -> Floats:
    """1 / (1 + e^-x) in float32 without overflow at either end."""
    value: Floats = np.exp(-np.logaddexp(np.float32(0), -logits))
    return value


_SCORERS: dict[Scoring, Callable[[Floats, bool], Floats]] = {
    Scoring.LATE_INTERACTION: _late_interaction,
    Scoring.BI_ENCODER: _bi_encoder,
    Scoring.CROSS_ENCODER: _cross_encoder,
    Scoring.YES_NO: _cross_encoder,
}
