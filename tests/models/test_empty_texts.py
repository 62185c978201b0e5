"""A text of which nothing is left to compute is refused; it never reads its neighbour's tokens."""

from __future__ import annotations

from pathlib import Path

import pytest
from tokenizers import AddedToken, Tokenizer, processors

from retrieval_predictor.edge.answer import Answerer
from retrieval_predictor.errors import NoTokens, OutOfVocabulary
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Scoring, Settings
from retrieval_predictor.text.template import open_tokenizer
from retrieval_predictor.text.tokenise import Tokeniser
from retrieval_predictor.wire.work import EmbedRequest, RerankRequest, Truncation
from tests.support import checkpoints
from tests.support.near import NearEngine

LIMIT, VOCABULARY = 24, 300


def bare(folder: Path) -> Path:
    """Qwen3 with a tokenizer that puts nothing around a text, as Qwen2's does."""
    checkpoints.qwen3(folder)
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.post_processor = processors.ByteLevel(trim_offsets=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    return bare(tmp_path_factory.mktemp("bare"))


@pytest.fixture(scope="module")
def tokeniser(folder: Path) -> Tokeniser:
    return Tokeniser(open_tokenizer(folder / "tokenizer.json"), LIMIT, VOCABULARY)


@pytest.mark.parametrize("truncation", list(Truncation))
@pytest.mark.parametrize(("texts", "index"), [(("",), 0), (("dough", ""), 1), (("", "x", ""), 0)])
def test_an_empty_text_is_named_by_its_place(tokeniser, texts, index, truncation):
    with pytest.raises(NoTokens, match=f"input {index} has no tokens") as refused:
        tokeniser.texts(texts, truncation)
    assert refused.value.index == index


def test_an_empty_pair_is_refused_and_a_pair_with_one_empty_side_is_not(tokeniser):
    with pytest.raises(NoTokens):
        tokeniser.pairs("", ("dough", ""), None, Truncation.RIGHT)
    tokeniser.pairs("", ("dough",), None, Truncation.RIGHT)
    tokeniser.pairs("dough", ("",), None, Truncation.RIGHT)


@pytest.mark.parametrize(("query", "documents"), [("", ("x",)), ("x", ("x", "")), ("", ("",))])
def test_query_and_documents_apart_need_a_token_each(tokeniser, query, documents):
    with pytest.raises(NoTokens):
        tokeniser.apart(query, documents, None, Truncation.RIGHT)


def test_a_row_of_no_ids_is_refused(tokeniser):
    with pytest.raises(NoTokens):
        tokeniser.ids(((5,), ()), Truncation.RIGHT)


def test_an_empty_text_inside_special_tokens_is_a_text(tmp_path: Path):
    path = checkpoints.bert(tmp_path) / "tokenizer.json"
    tokens = Tokeniser(open_tokenizer(path), LIMIT, VOCABULARY).texts(("",), Truncation.RIGHT)
    assert tokens.encoded.lengths.tolist() == [2]


async def test_no_way_to_ask_reaches_the_model_with_an_empty_text(folder: Path, tmp_path: Path):
    checkpoints.sentence_files(folder, pooling="lasttoken")
    model = {"uri": f"file://{folder}"}
    embedder = Answerer(NearEngine(load(Settings(model=model, precision=Precision.FP32), tmp_path)))
    with pytest.raises(NoTokens):
        await embedder.embed(EmbedRequest(("", "salary of Smith")))
    for scoring in (Scoring.LATE_INTERACTION, Scoring.BI_ENCODER):
        settings = Settings(
            model=model, precision=Precision.FP32, component=Component.RERANKER, scoring=scoring
        )
        reranker = Answerer(NearEngine(load(settings, tmp_path)))
        for query, document in (("", "x"), ("x", ""), ("", "")):
            with pytest.raises(NoTokens):
                await reranker.rerank(RerankRequest(query, ("x", document)))


def test_a_word_that_the_tokenizer_has_and_the_model_has_not_is_refused(folder: Path):
    tokenizer = open_tokenizer(folder / "tokenizer.json")
    tokenizer.add_tokens([AddedToken("brioche", normalized=False)])
    added = tokenizer.get_vocab()["brioche"]
    tokeniser = Tokeniser(tokenizer, LIMIT, added)
    tokeniser.texts(("dough", "bread"), Truncation.RIGHT)
    with pytest.raises(OutOfVocabulary) as refused:
        tokeniser.texts(("dough", "dough brioche"), Truncation.RIGHT)
    assert (refused.value.index, refused.value.token_id) == (1, added)
