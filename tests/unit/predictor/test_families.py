"""Every family in docs/models.md gives transformers' own numbers, one text at a time, in fp32."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModel, AutoModelForSequenceClassification

from retrieval_predictor.model.load import load
from retrieval_predictor.settings import Component, Precision, Settings
from retrieval_predictor.work import Encoded
from tests.support import make
from tests.support.families import FAMILIES, TOLERANCE, Family, table

LENGTHS = (3, 7, 7, 120, 33, 64, 33)
SEGMENTS = (1, 4, 5, 20, 10, 60, 3)
NAMES = [family.name for family in FAMILIES]
DOCS = Path(__file__).parents[3] / "docs" / "models.md"


def served(folder: Path, tmp_path: Path, component: Component):
    source = {"uri": f"file://{folder}"}
    return load(Settings(component=component, model=source, precision=Precision.FP32), tmp_path)


@pytest.mark.parametrize("family", FAMILIES, ids=NAMES)
def test_a_vector_is_the_mean_of_the_librarys_token_vectors(family: Family, tmp_path: Path):
    folder = family.embedder(tmp_path / "model")
    loaded = served(folder, tmp_path, Component.EMBEDDER)
    assert loaded.card.encoder == family.embeds
    texts = make.encoded(LENGTHS, vocabulary=250)
    got = loaded.runner.run(make.batch(texts))

    model = AutoModel.from_pretrained(folder, dtype=torch.float32, attn_implementation="eager")
    for row, ids in zip(got, np.split(texts.ids, np.cumsum(LENGTHS)[:-1]), strict=True):
        with torch.inference_mode():
            hidden = model.eval()(input_ids=torch.from_numpy(ids).long()[None])[0][0]
        np.testing.assert_allclose(row, hidden.mean(0).numpy(), atol=TOLERANCE)


@pytest.mark.parametrize(
    "family", [one for one in FAMILIES if one.classifies], ids=lambda one: one.name
)
def test_a_score_is_the_librarys_logit(family: Family, tmp_path: Path):
    folder = family.classifier(tmp_path / "model")
    loaded = served(folder, tmp_path, Component.RERANKER)
    assert (loaded.card.scoring, loaded.card.encoder) == ("CrossEncoder", family.classifies)
    texts = make.encoded(LENGTHS, vocabulary=250)
    segments = np.array(SEGMENTS, dtype=np.int32)
    got = loaded.runner.run(make.batch(Encoded(texts.ids, texts.lengths, segments)))[:, 0]

    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    wanted = []
    for ids, segment in zip(np.split(texts.ids, np.cumsum(LENGTHS)[:-1]), SEGMENTS, strict=True):
        types = {}
        if getattr(model.config, "type_vocab_size", 0) > 1:
            types["token_type_ids"] = (torch.arange(ids.size) >= segment).long()[None]
        with torch.inference_mode():
            wanted.append(model(torch.from_numpy(ids).long()[None], **types).logits.item())
    assert np.ptp(wanted) > 100 * TOLERANCE
    np.testing.assert_allclose(got, wanted, atol=TOLERANCE)


def test_the_documented_families_are_the_checked_ones():
    assert "\n".join(table()) in DOCS.read_text(encoding="utf-8")
    assert f"{TOLERANCE:.0e}".replace("e-0", "e-") in DOCS.read_text(encoding="utf-8")
