"""From a request to an answer, with an engine that counts."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.errors import Malformed, NotReady, Overloaded
from retrieval_predictor.wire.card import ModelCard
from retrieval_predictor.wire.work import Caller, EmbedRequest, RerankRequest, Rows, Run
from tests.support import checkpoints, make


class CountingEngine:
    """Answers each text with a vector of its length, or a score of it; keeps what it was sent."""

    def __init__(self, card: ModelCard | None) -> None:
        self.state = {
            "phase": "ready" if card else "loading",
            "card": dataclasses.asdict(card) if card else None,
        }
        self.width = card.dimensions if card else 0
        self.runs: list[Run] = []
        self.estimates: list[int] = []
        self.is_full = False

    def admit(self, tokens: int, client: int) -> None:
        del client
        self.estimates.append(tokens)
        if self.is_full:
            raise Overloaded(tokens, 100, 100, 1.0)

    async def run(self, run: Run) -> Rows:
        self.runs.append(run)
        lengths = run.encoded.lengths.astype(np.float32)
        return Rows(np.repeat(lengths[:, None], self.width, axis=1), 0.25, 0.5)


@pytest.fixture(scope="module")
def tokenizer_path(tmp_path_factory) -> Path:
    return checkpoints.bert(tmp_path_factory.mktemp("bert")) / "tokenizer.json"


def card(path: Path, **more: Any) -> ModelCard:
    return make.card(tokenizer_path=str(path), **more)


async def test_vectors_come_back_in_order_with_unit_length_and_timings(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path))
    answer = await Answerer(engine).embed(EmbedRequest(("a", "a b", "")))
    assert answer.token_counts.tolist() == [3, 4, 2]
    np.testing.assert_allclose(answer.vectors, 0.5)
    assert (answer.timings.queue_s, answer.timings.forward_s) == (0.25, 0.5)


async def test_a_prompt_is_put_in_front_of_every_text(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path))
    answer = await Answerer(engine).embed(EmbedRequest(("a", "b"), prompt_name="query"))
    assert answer.token_counts.tolist() == [6, 6]


async def test_raw_vectors_are_left_as_they_are(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path))
    answer = await Answerer(engine).embed(EmbedRequest(("a",), normalise=False))
    assert answer.vectors.tolist() == [[3, 3, 3, 3]]


async def test_dimensions_out_of_range_never_reach_the_engine(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path))
    with pytest.raises(Malformed, match="dimensions is 5, this model has 1 to 4"):
        await Answerer(engine).embed(EmbedRequest(("a",), dimensions=5))
    assert engine.runs == []


async def test_a_model_that_is_still_loading_is_not_ready():
    with pytest.raises(NotReady, match="loading"):
        await Answerer(CountingEngine(None)).embed(EmbedRequest(("a",)))


async def test_late_interaction_sends_query_and_documents_and_drops_the_querys_row(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path, dimensions=1, scoring="LateInteraction"))
    request = RerankRequest("a", ("b c", "d"), max_tokens_per_document=1)
    answer = await Answerer(engine).rerank(request)
    assert engine.runs[0].encoded.lengths.tolist() == [6, 3, 3]
    assert answer.scores.tolist() == [3, 3]
    assert answer.truncated.tolist() == [True, False]


async def test_a_bi_encoder_scores_by_cosine(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path, scoring="BiEncoder"))
    answer = await Answerer(engine).rerank(RerankRequest("a", ("b c", "d")))
    np.testing.assert_allclose(answer.scores, 1.0, rtol=1e-6)


async def test_a_cross_encoder_sends_pairs_and_answers_probabilities(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path, dimensions=1, scoring="CrossEncoder"))
    request = RerankRequest("a b", ("c", "c d"))
    answer = await Answerer(engine).rerank(request)
    raw = await Answerer(engine).rerank(dataclasses.replace(request, raw_scores=True))
    assert engine.runs[0].encoded.segments.tolist() == [4, 4]
    assert raw.scores.tolist() == [6, 7]
    np.testing.assert_allclose(answer.scores, 1 / (1 + np.exp(-raw.scores)), rtol=1e-6)


async def test_an_instruction_that_would_be_ignored_is_refused(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path, dimensions=1, scoring="CrossEncoder"))
    with pytest.raises(Malformed, match="takes no instruction"):
        await Answerer(engine).rerank(RerankRequest("a", ("b",), instruction="be strict"))


async def test_deadline_and_client_travel_with_the_request(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path))
    await Answerer(engine).embed(EmbedRequest(("a",)), Caller(12.5, client=7))
    assert (engine.runs[0].deadline_s, engine.runs[0].client) == (12.5, 7)


async def test_a_full_queue_refuses_before_anything_is_tokenised(tmp_path):
    engine = CountingEngine(card(tmp_path / "no-tokenizer-here.json"))
    engine.is_full = True
    with pytest.raises(Overloaded):
        await Answerer(engine).embed(EmbedRequest(("a " * 20,)))


async def test_the_estimate_of_a_request_follows_what_recent_texts_had(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path, max_input_tokens=64))
    answerer = Answerer(engine)
    for _ in range(200):
        await answerer.embed(EmbedRequest(("a b c d",)))
    assert engine.estimates[0] == 2
    assert abs(engine.estimates[-1] - engine.runs[-1].encoded.tokens) <= 1


async def test_token_ids_are_left_to_the_engine_to_count(tokenizer_path):
    engine = CountingEngine(card(tokenizer_path, accepts_token_ids=True))
    await Answerer(engine).embed(EmbedRequest(((1, 2, 3),)))
    assert engine.estimates == [0]
