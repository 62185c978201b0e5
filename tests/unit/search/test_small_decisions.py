"""What the search decides by itself: terms, efforts, kernels, progress, gain."""

from __future__ import annotations

import pytest

from retrieval_search.blas import every_core, one_thread
from retrieval_search.build.progress import duration, line
from retrieval_search.build.tuning import chosen
from retrieval_search.index.manifest import Recall
from retrieval_search.index.terms import terms
from retrieval_search.index.vectors import lists_for


def test_words_are_reduced_to_stems_of_their_language():
    assert terms("Running runners, a test-case", "english") == ["run", "runner", "test", "case"]
    assert terms("Running", "none") == ["running"]


def test_scripts_without_spaces_give_bigrams():
    assert terms("检索服务 v2", "english") == ["检索", "索服", "服务", "v2"]
    assert terms("词", "none") == ["词"]


def test_the_least_effort_that_finds_enough_is_the_default():
    found = [Recall(1, 0.5), Recall(4, 0.97), Recall(8, 0.985), Recall(16, 0.999)]
    assert chosen(found, 0.98) == 8
    assert chosen(found[:2], 0.98) == 4
    assert chosen([], 0.98) == 0


@pytest.mark.parametrize(("count", "lists"), [(1, 1), (39, 1), (1000, 25), (1_000_000, 4000)])
def test_lists_have_vectors_enough_to_be_trained(count, lists):
    assert lists_for(count) == lists


def test_an_old_blas_is_told_what_the_cpu_has():
    assert one_thread({}, frozenset({"avx2", "avx512f"}))["OPENBLAS_CORETYPE"] == "SkylakeX"
    assert one_thread({}, frozenset({"avx2"}))["OPENBLAS_CORETYPE"] == "Haswell"
    assert "OPENBLAS_CORETYPE" not in one_thread({}, frozenset())
    assert "OMP_NUM_THREADS" not in one_thread({"OMP_NUM_THREADS": "4"}, frozenset())
    assert every_core({}, frozenset({"avx2"})).keys() == {"OMP_WAIT_POLICY", "OPENBLAS_CORETYPE"}


def test_progress_shows_rate_and_time_left():
    assert line(1000, 500, 10, 6000) == "1,500 of 6,000 passages, 50/s, 1 min 30 s left"
    assert line(0, 500, 10, None) == "500 passages, 50/s"
    assert duration(3725) == "1 h 2 min"
