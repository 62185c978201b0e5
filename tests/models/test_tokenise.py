"""Texts become the ids the library would make, cut where asked, and every cut is reported."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerFast

from retrieval_predictor.errors import InputTooLong, OutOfVocabulary
from retrieval_predictor.text.template import open_tokenizer
from retrieval_predictor.text.tokenise import Tokeniser
from retrieval_predictor.wire.work import Truncation
from tests.support import checkpoints

LIMIT = 24


@pytest.fixture(scope="module", params=["bert", "xlm_roberta", "qwen3"])
def tokenizer_file(request, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp(request.param)
    return getattr(checkpoints, request.param)(folder) / "tokenizer.json"


@pytest.fixture(scope="module")
def bert_file(tmp_path_factory) -> Path:
    return checkpoints.bert(tmp_path_factory.mktemp("bert")) / "tokenizer.json"


def tokeniser(path: Path, limit: int = LIMIT) -> Tokeniser:
    return Tokeniser(open_tokenizer(path), limit, 300)


def rows(tokens) -> list[list[int]]:
    out, at = [], 0
    for length in tokens.encoded.lengths:
        out.append(tokens.encoded.ids[at : at + length].tolist())
        at += length
    return out


texts = st.lists(
    st.text(st.sampled_from("abcdefgh lake dough Zürich北京 .,"), max_size=200),
    min_size=1,
    max_size=4,
)


@given(batch=texts)
def test_ids_are_those_of_the_library_with_truncation_on(tokenizer_file, batch):
    library = PreTrainedTokenizerFast(tokenizer_file=str(tokenizer_file))
    wanted = library(batch, truncation=True, max_length=LIMIT)["input_ids"]
    got = tokeniser(tokenizer_file).texts(tuple(batch), Truncation.RIGHT)
    assert rows(got) == wanted


@given(query=st.text("abc d", max_size=30), documents=texts)
def test_pairs_are_those_of_the_library_cutting_only_the_document(bert_file, query, documents):
    library = PreTrainedTokenizerFast(tokenizer_file=str(bert_file))
    limit = 64
    wanted = library(
        [query] * len(documents),
        documents,
        truncation="only_second",
        max_length=limit,
        return_token_type_ids=True,
    )
    got = tokeniser(bert_file, limit).pairs(query, tuple(documents), None, Truncation.RIGHT)
    assert rows(got) == wanted["input_ids"]
    for types, length, segment in zip(
        wanted["token_type_ids"], got.encoded.lengths, got.encoded.segments, strict=True
    ):
        assert types == [0] * segment + [1] * (length - segment)


def test_a_huge_text_is_cut_to_the_same_ids_as_the_whole_of_it(bert_file):
    text = "dough and flour " * 20_000
    (row,) = rows(tokeniser(bert_file).texts((text,), Truncation.RIGHT))
    (whole,) = rows(tokeniser(bert_file).texts((text[:5000],), Truncation.RIGHT))
    assert row == whole
    assert len(row) == LIMIT


@given(
    middle=st.text(st.sampled_from("ab lake. "), min_size=600, max_size=3000),
    ends=st.lists(
        st.sampled_from(["dough and flour ", " ", "lake", "北京 "]), min_size=2, max_size=2
    ),
    times=st.integers(0, 200),
)
def test_a_huge_text_cut_in_the_middle_keeps_the_ends_of_the_whole(
    tokenizer_file, middle, ends, times
):
    text = ends[0] * times + middle + ends[1] * times
    (row,) = rows(tokeniser(tokenizer_file).texts((text,), Truncation.MIDDLE))
    (whole,) = rows(tokeniser(tokenizer_file, 10**6).texts((text,), Truncation.MIDDLE))
    half = LIMIT // 2
    assert row == (whole if len(whole) <= LIMIT else whole[:half] + whole[-half:])


def test_text_that_tokenises_to_nothing_at_first_is_read_to_its_end(bert_file):
    text = " " * 5000 + "dough"
    (row,) = rows(tokeniser(bert_file).texts((text,), Truncation.RIGHT))
    (short,) = rows(tokeniser(bert_file).texts(("dough",), Truncation.RIGHT))
    assert row == short


@pytest.mark.parametrize("truncation", list(Truncation))
def test_a_text_that_fits_is_never_cut(bert_file, truncation):
    tokens = tokeniser(bert_file).texts(("mix flour", ""), truncation)
    assert tokens.truncated.tolist() == [False, False]


def test_the_kept_part_is_the_one_asked_for(bert_file):
    words = [f"{letter}" for letter in "abcdefghijklmnopqrstuvwxyz"] * 2
    text = " ".join(words)
    body = rows(tokeniser(bert_file, 500).texts((text,), Truncation.RIGHT))[0][1:-1]
    room = LIMIT - 2

    def kept(truncation: Truncation) -> list[int]:
        tokens = tokeniser(bert_file).texts((text,), truncation)
        assert tokens.truncated.tolist() == [True]
        return rows(tokens)[0][1:-1]

    assert kept(Truncation.RIGHT) == body[:room]
    assert kept(Truncation.LEFT) == body[-room:]
    assert kept(Truncation.MIDDLE) == body[: room // 2] + body[-room // 2 :]


def test_a_caller_who_refuses_truncation_is_told_both_numbers(bert_file):
    with pytest.raises(InputTooLong, match="input 1 has 40 tokens, the limit is 22") as refused:
        tokeniser(bert_file).texts(("a", "a " * 40), Truncation.NEVER)
    assert refused.value.index == 1


def test_a_long_query_leaves_a_quarter_of_a_pair_to_the_document(bert_file):
    tokens = tokeniser(bert_file, 43).pairs("a " * 200, ("b " * 200,), None, Truncation.RIGHT)
    assert tokens.encoded.lengths.tolist() == [43]
    assert tokens.encoded.segments.tolist() == [32]
    assert tokens.truncated.tolist() == [True]


def test_a_document_limit_holds_for_the_document_alone(bert_file):
    tokens = tokeniser(bert_file, 100).pairs("a b", ("c " * 50, "d"), 5, Truncation.RIGHT)
    assert (tokens.encoded.lengths - tokens.encoded.segments).tolist() == [6, 2]
    assert tokens.truncated.tolist() == [True, False]


def test_ids_of_the_callers_own_are_taken_as_they_are(bert_file):
    tokens = tokeniser(bert_file).ids(((5, 6, 7), (9,) * 30), Truncation.RIGHT)
    assert rows(tokens) == [[5, 6, 7], [9] * LIMIT]
    assert tokens.truncated.tolist() == [False, True]


@pytest.mark.parametrize("wrong", [-1, 300, 10**9])
def test_an_id_outside_the_vocabulary_is_named(bert_file, wrong):
    with pytest.raises(OutOfVocabulary, match=f"input 1 has token id {wrong}.*0 to 299"):
        tokeniser(bert_file).ids(((1,), (2, wrong)), Truncation.RIGHT)
