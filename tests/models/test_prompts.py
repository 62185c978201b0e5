"""A prompt is found under any usual name of its side, and never invented."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval_predictor.errors import Malformed
from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Settings
from retrieval_predictor.text.prompts import prompt_text, usual_prompts
from tests.support import checkpoints

E5 = {"query": "query: ", "passage": "passage: "}
ST = {"query": "Instruct: find\nQuery:", "document": ""}


@pytest.mark.parametrize(
    ("name", "prompts", "default", "text"),
    [
        ("query", E5, None, "query: "),
        ("search_query", E5, None, "query: "),
        ("document", E5, None, "passage: "),
        ("passage", ST, None, ""),
        ("query", {}, None, ""),
        ("query", {"web_search_query": "Instruct: "}, None, "Instruct: "),
        ("passage", {"retrieval.passage": "text: "}, None, "text: "),
        (None, E5, None, ""),
        (None, E5, "passage", "passage: "),
        ("classify", {"classify": "c: "}, None, "c: "),
    ],
)
def test_the_prompt_of_a_side_is_found(name, prompts, default, text):
    assert prompt_text(name, prompts, default) == text


def test_an_unknown_name_is_refused_with_the_known_ones():
    with pytest.raises(Malformed, match="no prompt 'poem'; this model has: passage, query"):
        prompt_text("poem", E5, None)


@pytest.mark.parametrize(
    ("uri", "query", "passage"),
    [
        ("hf://intfloat/e5-base-v2", "query: ", "passage: "),
        ("hf://intfloat/multilingual-e5-large", "query: ", "passage: "),
        ("file:///models/bge-small-en-v1.5/", "Represent this sentence for searching", ""),
        ("hf://BAAI/bge-large-zh-v1.5", "为这个句子生成表示以用于检索相关文章\uff1a", ""),
        ("hf://intfloat/multilingual-e5-large-instruct", "Instruct: Given a web search", ""),
        ("hf://nomic-ai/nomic-embed-text-v1.5", "search_query: ", "search_document: "),
        ("hf://BAAI/bge-m3", "", ""),
        ("builtin://all-MiniLM-L6-v2", "", ""),
    ],
)
def test_what_only_a_model_card_tells_is_known_by_name(uri, query, passage):
    prompts = usual_prompts(uri)
    assert prompt_text("query", prompts, None).startswith(query)
    assert bool(prompt_text("query", prompts, None)) == bool(query)
    assert prompt_text("passage", prompts, None) == passage
    assert prompt_text(None, prompts, None) == ""


def test_a_prompt_of_the_service_replaces_the_checkpoints_of_its_name_alone(tmp_path: Path):
    folder = checkpoints.sentence_files(checkpoints.bert(tmp_path), prompts=E5)
    settings = Settings(model={"uri": f"file://{folder}"}, prompts={"query": "find: "})
    assert load(settings, tmp_path).card.prompts == {"query": "find: ", "passage": "passage: "}
