"""Every family in docs/models.md gives sentence-transformers' numbers, from texts on."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval_predictor.settings import Precision
from tests.support.families import FAMILIES, Family
from tests.support.parity import embedding_parity, scoring_parity
from tests.support.write_families import DOCS, LIMITS, recorded

EMBEDDERS = [one for one in FAMILIES if one.embeds]
CLASSIFIERS = [one for one in FAMILIES if one.classifies]
PRECISIONS = tuple(LIMITS)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("family", EMBEDDERS, ids=lambda one: one.name)
async def test_vectors_are_the_librarys(family: Family, precision: Precision, tmp_path: Path):
    folder = family.embedder(tmp_path / "model")
    found = await embedding_parity(folder, tmp_path, precision, family.prompts)
    assert found.encoder == family.embeds
    assert found.spread > 0.01
    assert LIMITS[precision].holds(found)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("family", CLASSIFIERS, ids=lambda one: one.name)
async def test_scores_are_the_librarys(family: Family, precision: Precision, tmp_path: Path):
    found = await scoring_parity(family.classifier(tmp_path / "model"), tmp_path, precision)
    assert found.encoder == family.classifies
    assert found.spread > 50 * LIMITS[Precision.FP32].difference
    assert LIMITS[precision].holds(found)


@pytest.mark.parametrize("family", [CLASSIFIERS[0], CLASSIFIERS[-1]], ids=lambda one: one.name)
async def test_of_two_labels_the_second_counts_against_the_first(family: Family, tmp_path: Path):
    folder = family.classifier(tmp_path / "model", labels=2)
    found = await scoring_parity(folder, tmp_path, Precision.FP32)
    assert LIMITS[Precision.FP32].holds(found)


def test_the_documented_families_are_the_checked_ones():
    shown = [(row.name, row.embeds, row.classifies) for row in recorded(DOCS)]
    assert shown == [(one.name, one.embeds, one.classifies) for one in FAMILIES]


def test_the_documented_numbers_are_within_the_limits():
    exact, rounded = LIMITS[Precision.FP32], LIMITS[Precision.BF16]
    assert all(row.difference <= exact.difference for row in recorded(DOCS))
    assert all(row.cosine >= rounded.cosine for row in recorded(DOCS) if row.cosine is not None)
