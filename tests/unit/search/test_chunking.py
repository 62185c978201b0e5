"""Documents are cut by headings and sentences, with an overlap."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from retrieval_search.passages.chunking import Chunking, chunks, sections
from retrieval_search.passages.sentences import estimated_tokens

DOCUMENT = """Before any heading.

# Guide

One. Two follows it. Three ends it.

## Install

```sh
# no heading
make setup
```

## Run

Start it.

# Other

Last.
"""

words = st.text("abcdefghij", min_size=1, max_size=9)
texts = st.lists(
    st.lists(words, min_size=1, max_size=12).map(lambda some: " ".join(some).capitalize() + "."),
    min_size=1,
    max_size=20,
).map(" ".join)


def count_words(text):
    return len(text.split())


def test_a_section_knows_the_headings_above_it():
    assert [section.path for section in sections(DOCUMENT)] == [
        (),
        ("Guide",),
        ("Guide", "Install"),
        ("Guide", "Run"),
        ("Other",),
    ]


def test_a_hash_in_a_fenced_block_is_no_heading():
    install = next(one for one in sections(DOCUMENT) if one.path[-1:] == ("Install",))
    assert "# no heading" in install.text


def test_an_overlap_repeats_whole_sentences_of_the_passage_before():
    text = "One is here. Two is here. Three is here. Four is here."
    found = [one.text for one in chunks(text, Chunking(6, 3), count_words)]
    assert found == [
        "One is here. Two is here.",
        "Two is here. Three is here.",
        "Three is here. Four is here.",
    ]


@given(texts, st.integers(3, 30))
def test_no_passage_is_longer_than_allowed(text, limit):
    for one in chunks(text, Chunking(limit, limit // 3)):
        assert estimated_tokens(one.text) <= limit


@given(texts, st.integers(3, 30))
def test_without_overlap_the_passages_are_the_text(text, limit):
    found = " ".join(one.text for one in chunks(text, Chunking(limit, 0), count_words))
    assert found.split() == text.split()


@given(texts, st.integers(3, 30))
def test_with_overlap_nothing_is_lost(text, limit):
    found = " ".join(one.text for one in chunks(text, Chunking(limit, limit // 2), count_words))
    assert set(found.split()) == set(text.split())


def test_a_word_beyond_the_limit_is_cut():
    found = [one.text for one in chunks("x" * 100, Chunking(5, 0))]
    assert "".join(found).replace(" ", "") == "x" * 100
    assert len(found) > 1
