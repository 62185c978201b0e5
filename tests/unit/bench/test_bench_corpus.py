"""Texts have the length that was asked for and do not repeat unless asked."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrieval_bench.corpus import TEXTS_APART, Corpus, Lines, Synthetic, in_other_words, workload
from retrieval_bench.errors import UnknownWorkload
from retrieval_bench.words import WORDS

names = st.sampled_from(["q8", "d100", "mix", "lognormal", "q3"])
seeds = st.integers(0, 2**31)


def texts_of(corpus: Corpus, requests: Iterable[int]) -> list[str]:
    return [text for index in requests for text in corpus.request(index).texts]


@given(name=names, texts=st.integers(1, 40), seed=seeds, index=st.integers(0, 2**40))
def test_a_request_is_the_same_whoever_makes_it(name, texts, seed, index):
    first, second = (Synthetic(workload(name), texts, seed).request(index) for _ in range(2))
    assert first == second
    assert len(first.texts) == texts


@given(
    seed=seeds,
    texts=st.integers(1, 32),
    indices=st.sets(st.integers(0, TEXTS_APART // 33 - 1), min_size=2, max_size=40),
)
def test_no_two_texts_are_equal_not_even_the_shortest(seed, texts, indices):
    corpus = Synthetic(workload("q3"), texts, seed)
    sent = [corpus.request(index) for index in indices]
    every = [text for request in sent for text in request.texts]
    assert len(set(every)) == len(every)
    assert len({request.query for request in sent}) == len(sent)


@given(distinct=st.integers(1, 20), seed=seeds)
def test_repeats_come_exactly_when_asked_for(distinct, seed):
    corpus = Synthetic(workload("q8"), 2, seed, distinct)
    assert len(set(texts_of(corpus, range(3 * distinct)))) == 2 * distinct
    assert corpus.request(0) == corpus.request(distinct)


@pytest.mark.parametrize(
    ("name", "shortest", "longest"),
    [("q8", 8, 8), ("d100", 100, 100), ("d440", 440, 440), ("mix", 20, 200), ("lognormal", 8, 400)],
)
def test_lengths_stay_within_the_workload(name, shortest, longest):
    lengths = [len(t.split()) for t in texts_of(Synthetic(workload(name), 20, 0), range(50))]
    assert min(lengths) >= shortest
    assert max(lengths) <= longest
    assert shortest == longest or len(set(lengths)) > 50


def test_mixed_lengths_are_uniform_and_lognormal_ones_have_their_median():
    mixed = [len(t.split()) for t in texts_of(Synthetic(workload("mix"), 50, 0), range(100))]
    skewed = [len(t.split()) for t in texts_of(Synthetic(workload("lognormal"), 50, 0), range(100))]
    assert sum(mixed) / len(mixed) == pytest.approx(110, rel=0.03)
    assert sorted(skewed)[len(skewed) // 2] == pytest.approx(60, rel=0.05)


def test_neighbouring_requests_share_no_prefix():
    corpus = Synthetic(workload("q8"), 1, 0)
    firsts = [corpus.request(index).texts[0].split()[0] for index in range(20)]
    assert all(a != b for a, b in itertools.pairwise(firsts))


def test_another_seed_gives_other_texts():
    first, second = (texts_of(Synthetic(workload("q8"), 1, seed), range(50)) for seed in (0, 1))
    assert not set(first) & set(second)


@pytest.mark.parametrize("name", ["q2", "d", "x8", "mixed", "", "q0", "d999999"])
def test_an_unknown_workload_is_told_what_there_is(name):
    with pytest.raises(UnknownWorkload, match="write q8 or d100"):
        workload(name)


def test_own_lines_are_taken_in_turn():
    corpus = Lines(("a", "b", "c"), texts_per_request=1)
    assert [(r.query, r.texts) for r in map(corpus.request, range(3))] == [
        ("a", ("b",)),
        ("c", ("a",)),
        ("b", ("c",)),
    ]


def test_the_words_are_as_many_as_the_numbering_needs_and_all_different():
    assert len(set(WORDS)) == len(WORDS) == 256


@pytest.mark.parametrize("name", ["q8", "d100", "mix", "lognormal"])
def test_a_copy_has_texts_of_the_same_lengths_in_other_words(name):
    one = Synthetic(workload(name), 3, seed=5)
    other = in_other_words(one, 1)
    for index in range(50):
        ours, theirs = one.request(index).texts, other.request(index).texts
        assert [len(text.split()) for text in ours] == [len(text.split()) for text in theirs]
        assert not set(ours) & set(theirs)


def test_texts_of_ones_own_have_no_copy():
    own = Lines(("a", "b", "c"), 1)
    assert in_other_words(own, 3) is own
