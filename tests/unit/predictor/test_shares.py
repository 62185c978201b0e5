"""How a batch is spread over free slots: every text once, in order, about as many tokens each."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from retrieval_predictor.engine.scheduler.portion import Portion, batch_of, halves, shares
from tests.support import make

requests = st.lists(st.lists(st.integers(1, 300), min_size=1, max_size=20), min_size=1, max_size=6)


def portions_of(all_lengths) -> tuple[Portion, ...]:
    jobs = [make.job(lengths) for lengths in all_lengths]
    return tuple(Portion(job, job.take(job.size, 0.0)) for job in jobs)


def texts_of(portions) -> list[tuple[int, int, bytes]]:
    """Each text as its job, its place in it and its ids."""
    texts = []
    for portion in portions:
        encoded = portion.part.encoded
        for row, ids in enumerate(np.split(encoded.ids, np.cumsum(encoded.lengths)[:-1])):
            texts.append((id(portion.job), portion.part.first + row, ids.tobytes()))
    return texts


@given(requests, st.integers(1, 20), st.integers(1, 200))
def test_every_text_is_in_one_share_and_in_order(all_lengths, count, least_tokens):
    whole = portions_of(all_lengths)
    spread = shares(whole, count, least_tokens)
    assert 1 <= len(spread) <= count
    assert all(spread)
    assert [text for share in spread for text in texts_of(share)] == texts_of(whole)


@given(requests, st.integers(1, 20), st.integers(1, 200))
def test_a_share_is_over_its_part_by_less_than_one_text(all_lengths, count, least_tokens):
    whole = portions_of(all_lengths)
    tokens = batch_of(whole).tokens
    even = tokens / max(min(count, tokens // least_tokens), 1)
    longest = max(max(lengths) for lengths in all_lengths)
    for share in shares(whole, count, least_tokens):
        assert batch_of(share).tokens <= even + longest


@given(requests)
def test_halves_have_every_text_once(all_lengths):
    whole = portions_of(all_lengths)
    if batch_of(whole).size > 1:
        first, second = halves(whole)
        assert first
        assert second
        assert texts_of(first) + texts_of(second) == texts_of(whole)
